import { constants } from "node:fs";
import { invalidRequest } from "../../../../protocol/errors.ts";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import { type HostPath, hostPath, isAscii, joinPath } from "../../../../protocol/path-uri.ts";
import { isDescriptorShortage } from "../../../../protocol/shortages.ts";
import { descriptorPath, hasDescriptorPaths } from "../../../../system/descriptor-path.ts";
import { hasRemoteMounts } from "../../../../system/mount-lanes.ts";
import type { FileSystem } from "../../../file-system.ts";
import type { RelativeUnlink } from "../../libc/relative-unlink.ts";
import type { FileThreads, HandOver } from "../../threads/file-threads.ts";
import {
  dropFile,
  hasCode,
  lstat,
  openFile,
  readEntries,
  removeEmptyDirectory,
  unlinkNow,
  unlinkPath,
} from "../calls/file-calls.ts";
import { atPlace, toldPath } from "../calls/no-follow.ts";
import { Branches } from "./branches.ts";
import { inBursts } from "./in-bursts.ts";

/** Optional means that make operations on trees faster. */
export interface TreeMeans {
  readonly unlinkAt?: RelativeUnlink | undefined;
  readonly threads?: FileThreads | undefined;
}

interface RemovalMeans extends TreeMeans {
  /**
   * Called with the real path of each directory in a tree before any of its entries is removed;
   * throws to refuse.
   */
  readonly guard?: ((real: HostPath) => void) | undefined;
}

/**
 * Recursive, and no error for a missing path, unless the params say otherwise, as in the reference.
 * Links are never followed.
 */
export const fileRemover =
  (means: RemovalMeans = {}): FileSystem["remove"] =>
  async (params) => {
    if (hostPath(params.path) === "/") throw invalidRequest("the root directory cannot be removed");
    const removeDirectory = params.recursive === false ? removeEmptyDirectory : treeRemover(means);
    try {
      await atPlace(params, (path) => removePath(path, removeDirectory));
    } catch (error) {
      if (params.force === false || !hasCode(error, "ENOENT")) throw error;
    }
    return {};
  };

/** Tries to remove a file first, the usual case; the error tells a directory apart. */
async function removePath(
  path: HostPath,
  removeDirectory: (path: HostPath) => MaybePromise<void>,
): Promise<void> {
  try {
    await unlinkPath(path);
  } catch (error) {
    // Missing (ENOENT) takes precedence over read-only, but the system checks it later.
    if (hasCode(error, "EROFS")) await lstat(path);
    // Linux reports EISDIR for a directory; POSIX and macOS report EPERM, which may also mean
    // EPERM.
    if (!hasCode(error, "EISDIR", "EPERM")) throw error;
    try {
      await removeDirectory(path);
    } catch (reason) {
      throw hasCode(reason, "ENOTDIR") ? error : reason;
    }
  }
}

/**
 * When descriptors run out, removes the rest with as few as possible: without file threads, and one
 * directory after the other.
 */
const treeRemover = (means: RemovalMeans) => async (path: HostPath) => {
  try {
    await new TreeRemoval(means).remove(path);
  } catch (error) {
    if (!isDescriptorShortage(error)) throw error;
    await means.threads?.giveWay(error);
    await new TreeRemoval({ ...means, threads: undefined }, 1).remove(path);
  }
};

/**
 * Opens every directory without following links and empties it through its descriptor: one that is
 * swapped for a link meanwhile is refused, not followed out of the tree.
 */
class TreeRemoval {
  readonly #unlinkAt: RelativeUnlink | undefined;
  readonly #handOver: HandOver | undefined;
  readonly #branches: Branches;
  readonly #guard: RemovalMeans["guard"];

  constructor({ unlinkAt, threads, guard }: RemovalMeans, branchesMax?: number) {
    this.#guard = guard;
    this.#branches = new Branches(branchesMax);
    this.#unlinkAt = unlinkAt;
    this.#handOver = threads?.forTree();
  }

  /** `known` is the real path, in case that it is too long for the system to tell. */
  async remove(path: HostPath, known?: HostPath): Promise<void> {
    await this.#empty(path, known);
    await removeEmptyDirectory(path);
  }

  async #empty(path: HostPath, known: HostPath | undefined): Promise<void> {
    const fd = await openFile(path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      const held = descriptorPath(fd, path);
      const entries = await readEntries(held);
      const directories = entries.filter((entry) => entry.isDirectory());
      const others = entries.filter((entry) => !entry.isDirectory());
      await inBursts(others, {
        now: ({ name }) => this.#unlinkNow(fd, name) || unlinkUnlessGone(joinPath(held, name)),
        later: ({ name }) => unlessGone(unlinkPath(joinPath(held, name))),
      });
      await this.#branches.forEach(directories, async ({ name }) => {
        const real = this.#guard && joinPath(await currentPath(held, known), name);
        if (real) this.#guard?.(real);
        await this.#removeWithin(held, name, real);
      });
    } finally {
      dropFile(fd);
    }
  }

  #unlinkNow(directory: number, name: string): boolean {
    return isAscii(name) && this.#unlinkAt?.(directory, name) === true;
  }

  async #removeWithin(directory: HostPath, name: string, real?: HostPath): Promise<void> {
    const work = { task: "removeFlatDirectories", directory, names: [name] } as const;
    const handled = hasRemoteMounts() ? undefined : await this.#handOver?.(work);
    if (handled?.count === 1 && handled.left.length === 0) return;
    try {
      await this.remove(joinPath(directory, name), real);
    } catch (error) {
      unlessMissing(error);
    }
  }
}

/** The real path of a held directory now, whatever has been renamed above it. */
const currentPath = (held: HostPath, known: HostPath | undefined): MaybePromise<HostPath> =>
  hasDescriptorPaths ? toldPath(held, known) : held;

function unlinkUnlessGone(path: HostPath): true {
  try {
    unlinkNow(path);
  } catch (error) {
    unlessMissing(error);
  }
  return true;
}

/** Ignores ENOENT: another process may be removing the same tree. */
function unlessGone(removal: MaybePromise<void>): MaybePromise<void> {
  return removal instanceof Promise ? removal.catch(unlessMissing) : removal;
}

function unlessMissing(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}
