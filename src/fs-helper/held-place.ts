/**
 * Places that stay what they were when they were checked. Node has no openat, so a directory or
 * file is opened without any right (O_PATH), procfs tells where it really is, and the operation
 * works on the descriptor: whoever swaps a component for a link meanwhile redirects nothing.
 * Without procfs the real path is used instead, and only what is mounted holds such a racer back.
 *
 * All calls are synchronous: the worker serves one request at a time and has nothing else to do.
 */
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { linksFollowedMax } from "../limits.ts";
import { type HostPath, hostPathOf, joinPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import { descriptorPath, hasDescriptorPaths, O_PATH } from "../system/descriptor-path.ts";

export interface Held {
  /** Where it really is; the last component of an entry may be a link. */
  readonly real: HostPath;
  /** The path by which to work on it. */
  readonly at: HostPath;
}

/** A name in a directory that is held open. */
export interface Entry extends Held {
  /** Undefined when nothing has that name. */
  readonly stats: Stats | undefined;
}

/** A path whose way there cannot be gone; `path` is where it ended, links resolved. */
export class Unreachable extends Error {
  readonly path: HostPath;
  readonly reason: NodeJS.ErrnoException;

  constructor(path: HostPath, reason: NodeJS.ErrnoException) {
    super(reason.message);
    this.path = path;
    this.reason = reason;
  }
}

/** Descriptors held during one operation. */
export class Holds {
  readonly #fds: number[] = [];

  release(): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
  }

  /**
   * What is there under its own name, without a link on the way, in the two calls that this takes:
   * with the directory held first, as it must be for anything else, it would be five. Undefined for
   * all else: a link may be one of procfs, by which the kernel leads out of what is mounted here.
   */
  reached(path: HostPath): Held | undefined {
    if (!hasDescriptorPaths) return undefined;
    try {
      const at = descriptorPath(this.#open(nodePath(path), O_PATH), path);
      return readLink(at) === path ? { real: path, at } : undefined;
    } catch {
      // Why will be found by whoever goes there step by step.
      return undefined;
    }
  }

  /** The place itself: links on the way are followed, one in its last component is not. */
  entry(path: HostPath): Entry {
    const { parent, name } = splitPath(path);
    if (name === "") return { real: path, at: path, stats: lstatSync("/") };
    const directory = this.#directory(path, parent);
    const at = joinPath(directory.at, name);
    const stats = lstatSync(nodePath(at), { throwIfNoEntry: false });
    return { real: joinPath(directory.real, name), at, stats };
  }

  /** What the place leads to: never a link, but maybe nothing. */
  target(path: HostPath): Entry {
    let entry = this.entry(path);
    for (let links = 0; entry.stats?.isSymbolicLink(); links++) {
      if (links >= linksFollowedMax) throw new Unreachable(path, loop());
      entry = this.entry(this.#linkTarget(entry));
    }
    return entry;
  }

  /** The existing file or directory of an entry, whatever happens to its name from now on. */
  pinned(entry: Entry): Entry {
    if (!hasDescriptorPaths) return entry;
    const fd = this.#open(nodePath(entry.at), O_PATH | constants.O_NOFOLLOW);
    const at = descriptorPath(fd, entry.at);
    return { ...entry, real: readLink(at), at };
  }

  /** A new empty file where nothing is; fails with EEXIST when somebody was quicker. */
  created(entry: Entry): Entry {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const fd = this.#open(nodePath(entry.at), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    return { ...entry, at: descriptorPath(fd, entry.at) };
  }

  #directory(path: HostPath, parent: HostPath): { real: HostPath; at: HostPath } {
    try {
      if (!hasDescriptorPaths) {
        const real = hostPathOf(realpathSync.native(nodePath(parent), "buffer"));
        return { real, at: real };
      }
      const fd = this.#open(nodePath(parent), O_PATH | constants.O_DIRECTORY);
      const at = descriptorPath(fd, parent);
      return { real: readLink(at), at };
    } catch (error) {
      throw new Unreachable(path, error as NodeJS.ErrnoException);
    }
  }

  /**
   * A relative link goes on from the held directory, so that its dots mean what the kernel says.
   */
  #linkTarget(entry: Entry): HostPath {
    const target = readLink(entry.at);
    if (target.startsWith("/")) return target;
    const directory = splitPath(entry.at).parent;
    return this.#withoutDots(joinPath(directory, target));
  }

  /** Names after the last dots can stay; what is before them is asked of the kernel. */
  #withoutDots(path: HostPath): HostPath {
    const dots = Math.max(path.lastIndexOf("/.."), path.lastIndexOf("/."));
    if (dots < 0 || !/\/\.{1,2}(?:\/|$)/.test(path)) return path;
    const [, before = "", after = ""] = /^(.*\/\.{1,2})(?:\/(.*))?$/s.exec(path) ?? [];
    try {
      const real = hostPathOf(realpathSync.native(nodePath(before as HostPath), "buffer"));
      return after === "" ? real : joinPath(real, after);
    } catch (error) {
      throw new Unreachable(path, error as NodeJS.ErrnoException);
    }
  }

  #open(path: string | Buffer, flags: number): number {
    const fd = openSync(path, flags, 0o666);
    this.#fds.push(fd);
    return fd;
  }
}

function readLink(path: HostPath): HostPath {
  return readlinkSync(nodePath(path), "latin1") as HostPath;
}

function loop(): NodeJS.ErrnoException {
  return Object.assign(new Error("too many links"), { code: "ELOOP", errno: -40 });
}
