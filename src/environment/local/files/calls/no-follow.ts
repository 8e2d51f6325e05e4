/**
 * With `followSymlinks: false` no component of a path may be a symbolic link. Node has no openat,
 * so the parent is opened, procfs tells where that descriptor really is, and the operation works
 * below the descriptor: renames and links after that cannot lead it elsewhere. Without procfs
 * (another system, a sandbox without one) the real path of the parent is compared instead; a
 * directory that is swapped for a link between that check and the operation is not noticed there.
 */
import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { pathBytesMax } from "../../../../limits.ts";
import { internalError, systemErrorText } from "../../../../protocol/errors.ts";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import {
  type HostPath,
  hostPath,
  hostPathOf,
  joinPath,
  splitPath,
} from "../../../../protocol/path-uri.ts";
import { descriptorPath, hasDescriptorPaths, O_PATH } from "../../../../system/descriptor-path.ts";
import { dropFile, hasCode, openFile, readLink, realPath } from "./file-calls.ts";

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

/**
 * The real path of an open file; undefined where the system does not tell, as for a path that is
 * too long: links lead to such files.
 */
export async function realPathOf(fd: number): Promise<HostPath | undefined> {
  if (!hasDescriptorPaths) return undefined;
  try {
    const real = (await readLink(`/proc/self/fd/${fd}` as HostPath)) as HostPath;
    return real.startsWith("/") ? real : undefined;
  } catch (error) {
    if (hasCode(error, "ENAMETOOLONG")) return undefined;
    throw error;
  }
}

/**
 * The real path of the directory held at `held`. The system does not tell one that is too long; it
 * is `known` then, which has to be given by the way the directory was opened, without links.
 */
export async function toldPath(held: HostPath, known?: HostPath): Promise<HostPath> {
  try {
    return (await readLink(held)) as HostPath;
  } catch (error) {
    if (known === undefined || !hasCode(error, "ENAMETOOLONG")) throw error;
    return known;
  }
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

interface DirectoryToHold {
  readonly path: HostPath;
  /** O_NOFOLLOW, or 0. */
  readonly noFollow: number;
  /** Its real path, if no link is in its place: for one that is too long for the system to tell. */
  readonly known?: HostPath | undefined;
}

/** Works in a directory that is held open, whatever is renamed meanwhile. */
export function inDirectory<T>(
  { path, noFollow, known }: DirectoryToHold,
  use: (held: HeldDirectory) => Promise<T>,
): Promise<T> {
  // Where a link leads would not be told.
  const isTooLong = known !== undefined && known.length >= pathBytesMax;
  return throughDescriptor(path, isTooLong ? constants.O_NOFOLLOW : noFollow, async (at) => {
    if (!hasDescriptorPaths) return use({ at, real: await realPath(at) });
    return use({ at, real: hostPathOf(Buffer.from(await toldPath(at, known), "latin1")) });
  });
}

/** Gives `use` a path by which the entries of a directory are reached, however long its own is. */
export async function throughDescriptor<T>(
  path: HostPath,
  noFollow: number,
  use: (at: HostPath) => Promise<T>,
): Promise<T> {
  if (!hasDescriptorPaths) return use(path);
  const fd = await openFile(path, O_PATH | constants.O_DIRECTORY | noFollow);
  try {
    return await use(descriptorPath(fd, path));
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
