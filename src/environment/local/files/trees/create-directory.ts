import type { Stats } from "node:fs";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import { type HostPath, hostPath, pathUriOf, splitPath } from "../../../../protocol/path-uri.ts";
import type { FileSystem } from "../../../file-system.ts";
import { hasCode, lstat, makeDirectory, stat } from "../calls/file-calls.ts";
import { atPlace } from "../calls/no-follow.ts";

/** Recursive unless `recursive` is false, as in the reference. */
export const createDirectory: FileSystem["createDirectory"] = async (params) => {
  if (params.recursive === false) await atPlace(params, (path) => makeDirectory(path));
  else if (params.followSymlinks === false) await makeDirectoriesHeld(hostPath(params.path));
  else await makeDirectories(hostPath(params.path));
  return {};
};

/**
 * Makes a directory and its missing parents; returns whether it is new. Node's own recursive mkdir
 * is not used: it takes a dangling link for a missing parent.
 */
export async function makeDirectories(path: HostPath, mode?: number): Promise<boolean> {
  try {
    return await makeOrFind(path, stat, mode);
  } catch (error) {
    if (path === "/" || !hasCode(error, "ENOENT")) throw error;
  }
  await makeDirectories(splitPath(path).parent);
  return makeOrFind(path, stat, mode);
}

async function makeDirectoriesHeld(path: HostPath): Promise<void> {
  const place = { path: pathUriOf(path), followSymlinks: false };
  const make = () => atPlace(place, (held) => makeOrFind(held, lstat));
  try {
    await make();
  } catch (error) {
    if (path === "/" || !hasCode(error, "ENOENT")) throw error;
    await makeDirectoriesHeld(splitPath(path).parent);
    await make();
  }
}

/** Accepts a directory that exists; anything else of that name fails with EEXIST. */
async function makeOrFind(
  path: HostPath,
  look: (path: HostPath) => MaybePromise<Stats>,
  mode?: number,
): Promise<boolean> {
  try {
    await makeDirectory(path, mode);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST") && (await isDirectory(path, look))) return false;
    throw error;
  }
}

export async function isDirectory(path: HostPath, look: (path: HostPath) => MaybePromise<Stats>) {
  try {
    return (await look(path)).isDirectory();
  } catch (error) {
    // A dangling link or a loop of links: an entry that is no directory.
    if (hasCode(error, "ENOENT", "ELOOP")) return false;
    throw error;
  }
}
