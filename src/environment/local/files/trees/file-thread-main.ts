/** The program of a file thread: does the work in each message and answers how far it came. */
import { closeSync, constants, openSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { type HostPath, joinPath, nodePath } from "../../../../protocol/path-uri.ts";
import { descriptorPath } from "../../../../system/descriptor-path.ts";
import type { ThreadWork, WorkDone } from "../../threads/file-thread.ts";
import { copySmallFile } from "./copy-small-file.ts";

parentPort?.on("message", (work: ThreadWork) => parentPort?.postMessage(handle(work)));

/** Stops at the first entry that fails: the event loop tries that one again and reports why. */
function handle(work: ThreadWork): WorkDone {
  const { names } = work;
  const left: number[] = [];
  let count = 0;
  try {
    for (; count < names.length; count++) {
      if (!handleEntry(work, names[count] ?? "")) left.push(count);
    }
  } catch {
    // The loop has ended where it failed.
  }
  return { count, left };
}

function handleEntry(work: ThreadWork, name: string): boolean {
  const path = joinPath(work.directory, name);
  if (work.task === "removeFlatDirectories") return removeFlatDirectory(path);
  return copySmallFile(path, joinPath(work.destination, name), 0);
}

/** Removes a directory without subdirectories; of others only the files, and returns false. */
function removeFlatDirectory(path: HostPath): boolean {
  const isEmpty = removeFiles(path);
  if (isEmpty) rmdirSync(nodePath(path));
  return isEmpty;
}

/** Works through a descriptor, because the directory may be swapped for a link meanwhile. */
function removeFiles(directory: HostPath): boolean {
  const fd = openSync(nodePath(directory), constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const held = descriptorPath(fd, directory);
    const entries = readdirSync(nodePath(held), { encoding: "latin1", withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory());
    for (const { name } of files) unlinkSync(nodePath(joinPath(held, name)));
    return files.length === entries.length;
  } finally {
    closeSync(fd);
  }
}
