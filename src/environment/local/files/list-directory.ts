import { constants, type Dirent } from "node:fs";
import { fileCallsInParallel } from "../../../limits.ts";
import { type HostPath, joinPath, shownPath } from "../../../protocol/path-uri.ts";
import type { FileAnswers } from "../../file-system.ts";
import { dropFile, hasCode, openFile, readEntries, stat } from "./file-calls.ts";
import { inParallel } from "./in-parallel.ts";
import { atPlace, descriptorPath } from "./no-follow.ts";

interface ListedEntry {
  readonly fileName: string;
  isDirectory: boolean;
  isFile: boolean;
  readonly isSymlink: boolean;
}

/** Sorted by name. A link is listed as what it leads to; as neither kind when it leads nowhere. */
export const readDirectory: FileAnswers["readDirectory"] = (params) =>
  atPlace(params, (path, noFollow) => (noFollow ? heldListing(path) : listing(path)));

/** Opened first, so that the last component cannot be a link either. */
async function heldListing(path: HostPath) {
  const fd = await openFile(path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return await listing(descriptorPath(fd, path));
  } finally {
    dropFile(fd);
  }
}

async function listing(directory: HostPath) {
  const found = await readEntries(directory);
  const entries = found.map(listedEntry);
  const links = found.flatMap((entry, at) => (entry.isSymbolicLink() ? [at] : []));
  await inParallel(links, fileCallsInParallel, async (at) => {
    const path = joinPath(directory, found[at]?.name ?? "");
    Object.assign(entries[at] ?? {}, await kindBehindLink(path));
  });
  return { entries };
}

function listedEntry(entry: Dirent): ListedEntry {
  return {
    fileName: shownPath(entry.name),
    isDirectory: entry.isDirectory(),
    isFile: entry.isFile(),
    isSymlink: entry.isSymbolicLink(),
  };
}

async function kindBehindLink(path: HostPath) {
  try {
    const stats = await stat(path);
    return { isDirectory: stats.isDirectory(), isFile: stats.isFile() };
  } catch (error) {
    // It dangles, goes round in circles, or leads where we may not look: a link all the same.
    if (hasCode(error, "ENOENT", "ELOOP", "ENOTDIR", "EACCES")) return {};
    throw error;
  }
}
