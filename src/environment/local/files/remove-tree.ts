import { constants } from "node:fs";
import { fileCallsInParallel } from "../../../limits.ts";
import { invalidRequest } from "../../../protocol/errors.ts";
import type { Given } from "../../../protocol/methods.ts";
import { type HostPath, hostPath, joinPath } from "../../../protocol/path-uri.ts";
import type { FileSystem } from "../../file-system.ts";
import {
  dropFile,
  hasCode,
  openFile,
  readEntries,
  removeEmptyDirectory,
  unlinkPath,
} from "./file-calls.ts";
import { inParallel } from "./in-parallel.ts";
import { atPlace, descriptorPath } from "./no-follow.ts";

/** Recursive and forgiving unless told otherwise, as in the reference. Links are never followed. */
export const remove: FileSystem["remove"] = async (params) => {
  if (hostPath(params.path) === "/") throw invalidRequest("the root directory cannot be removed");
  try {
    await atPlace(params, (path) => removePath(path, params.recursive !== false));
  } catch (error) {
    if (params.force === false || !hasCode(error, "ENOENT")) throw error;
  }
  return {};
};

/** Files are the usual case and need this one call; its error tells a directory apart. */
async function removePath(path: HostPath, recursive: boolean): Promise<void> {
  try {
    await unlinkPath(path);
  } catch (error) {
    // Linux says EISDIR of a directory; POSIX and macOS say EPERM, which may also mean EPERM.
    if (!hasCode(error, "EISDIR", "EPERM")) throw error;
    try {
      await (recursive ? removeTree(path) : removeEmptyDirectory(path));
    } catch (reason) {
      throw hasCode(reason, "ENOTDIR") ? error : reason;
    }
  }
}

/**
 * Every directory is opened without following links and emptied through its descriptor: one that
 * somebody swaps for a link meanwhile is refused, not followed out of the tree.
 */
async function removeTree(path: HostPath): Promise<void> {
  const fd = await openFile(path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const held = descriptorPath(fd, path);
    const entries = await readEntries(held);
    const [directories, others] = [true, false].map((wanted) =>
      entries
        .filter((entry) => entry.isDirectory() === wanted)
        .map((entry) => joinPath(held, entry.name)),
    );
    await inParallel(others ?? [], fileCallsInParallel, (other) => unlessGone(unlinkPath(other)));
    for (const directory of directories ?? []) await unlessGone(removeTree(directory));
  } finally {
    dropFile(fd);
  }
  await removeEmptyDirectory(path);
}

/** Somebody else may be removing the same tree. */
function unlessGone(removal: Given<void>): Given<void> {
  return removal instanceof Promise ? removal.catch(unlessMissing) : removal;
}

function unlessMissing(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}
