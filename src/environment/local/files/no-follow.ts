/**
 * With `followSymlinks: false` no component of a path may be a symbolic link. Node has no openat,
 * so the parent is opened, procfs tells where that descriptor really is, and the operation works
 * below the descriptor: renames and links after that cannot lead it elsewhere. Without procfs
 * (another system, a sandbox without one) the real path of the parent is compared instead; a
 * directory that is swapped for a link between that check and the operation is not noticed there.
 */
import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { internalError, systemErrorText } from "../../../protocol/errors.ts";
import type { MaybePromise } from "../../../protocol/methods.ts";
import {
  type HostPath,
  hostPath,
  hostPathOf,
  joinPath,
  splitPath,
} from "../../../protocol/path-uri.ts";
import { descriptorPath, hasDescriptorPaths, O_PATH } from "../../../system/descriptor-path.ts";
import { dropFile, openFile, readLink, realPath } from "./file-calls.ts";

interface Place {
  readonly path: string;
  readonly followSymlinks?: boolean | null | undefined;
}

/** Gets the path to work on, and the flag with which to open it. */
type Use<T> = (path: HostPath, noFollow: number) => MaybePromise<T>;

/** Works on the path that a client named: as it is, or held so that no link can redirect it. */
export function atPlace<T>(place: Place, use: Use<T>): MaybePromise<T> {
  const path = hostPath(place.path);
  if (place.followSymlinks !== false) return use(path, 0);
  return belowRealParent(path, (held) => use(held, constants.O_NOFOLLOW));
}

/** The real path of an open file; undefined where the system does not tell. */
export async function realPathOf(fd: number): Promise<HostPath | undefined> {
  if (!hasDescriptorPaths) return undefined;
  const real = (await readLink(`/proc/self/fd/${fd}` as HostPath)) as HostPath;
  return real.startsWith("/") ? real : undefined;
}

/** Throws when any component of the path is a link. */
export async function refuseLinks(place: Place): Promise<void> {
  if (place.followSymlinks !== false) return;
  const path = hostPath(place.path);
  if ((await realPath(path)) !== path) throw linkInPath();
}

interface HeldDirectory {
  /** The path by which its entries are reached. */
  readonly at: HostPath;
  readonly real: HostPath;
}

/** Works in a directory that is held open, whatever is renamed meanwhile. */
export async function inDirectory<T>(
  path: HostPath,
  noFollow: number,
  use: (held: HeldDirectory) => Promise<T>,
): Promise<T> {
  if (!hasDescriptorPaths) return use({ at: path, real: await realPath(path) });
  const fd = await openFile(path, O_PATH | constants.O_DIRECTORY | noFollow);
  try {
    const at = descriptorPath(fd, path);
    return await use({ at, real: hostPathOf(Buffer.from(await readLink(at), "latin1")) });
  } finally {
    dropFile(fd);
  }
}

async function belowRealParent<T>(
  path: HostPath,
  use: (path: HostPath) => MaybePromise<T>,
): Promise<T> {
  const { parent, name } = splitPath(path);
  if (!hasDescriptorPaths) {
    if ((await realPath(parent)) !== parent) throw linkInPath();
    return use(path);
  }
  const fd = await openFile(parent, O_PATH | constants.O_DIRECTORY);
  try {
    const held = descriptorPath(fd, parent);
    if ((await readLink(held)) !== parent) throw linkInPath();
    return await use(name === "" ? path : joinPath(held, name));
  } finally {
    dropFile(fd);
  }
}

export function linkInPath() {
  return internalError(`path contains a symbolic link: ${systemErrorText("ENOTDIR", 20)}`);
}
