import { internalError, systemErrorText } from "../protocol/errors.ts";
import { type HostPath, pathUriOf, splitPath } from "../protocol/path-uri.ts";
import { refuseLinkedParent } from "./held-call.ts";
import { type Entry, type Holds, Unreachable } from "./held-place.ts";
import type { HelperFileSystem } from "./helper-file-system.ts";
import type { Permit } from "./permit.ts";

interface DirectoryToMake {
  readonly path: HostPath;
  readonly recursive: boolean;
  readonly followSymlinks?: boolean | null | undefined;
  readonly holds: Holds;
  readonly permit: Permit;
  readonly direct: HelperFileSystem;
}

/**
 * Creates a directory and, if recursive, its parents: one level at a time, each in a held
 * directory, so that no link that appears meanwhile is followed.
 */
export async function makeDirectory(making: DirectoryToMake): Promise<void> {
  const { path, recursive, followSymlinks, holds, permit, direct } = making;
  const entry = await entryWithParents(making);
  refuseLinkedParent({ path: pathUriOf(path), followSymlinks }, entry);
  if (!entry.stats) permit.write(entry.real);
  const isFound = recursive && entry.stats !== undefined;
  if (isFound && followSymlinks === false && !entry.stats?.isDirectory()) throw alreadyThere();
  try {
    await direct.createDirectory({ path: pathUriOf(entry.at), recursive: isFound });
  } catch (error) {
    // Another process has just created it, which is as good.
    const isThere = recursive && !entry.stats && holds.entry(path).stats?.isDirectory();
    if (!isThere) throw error;
  }
}

async function entryWithParents(making: DirectoryToMake): Promise<Entry> {
  const { path, recursive, holds, permit } = making;
  try {
    return holds.entry(path);
  } catch (error) {
    const isMissing = error instanceof Unreachable && error.reason.code === "ENOENT";
    if (!isMissing || !recursive || permit.isForeign(path)) throw error;
  }
  await makeDirectory({ ...making, path: splitPath(path).parent });
  return holds.entry(path);
}

function alreadyThere() {
  return internalError(systemErrorText("EEXIST", 17));
}
