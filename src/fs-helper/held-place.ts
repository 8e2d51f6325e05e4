/**
 * Files and directories that stay the same after they were checked. Node has no openat. So a
 * directory or file is opened with O_PATH, procfs tells its real path, and the operation uses the
 * descriptor: replacing a component by a link in between redirects nothing. Without procfs the real
 * path is used instead, and only the mounts protect against such a race.
 *
 * All calls are synchronous, because the worker serves one request at a time.
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
  /** The real path; the last component of an entry may be a link. */
  readonly real: HostPath;
  /** The path to use in calls, through the descriptor where there is procfs. */
  readonly at: HostPath;
}

/** A name in a directory that is held open. */
export interface Entry extends Held {
  /** Undefined when nothing has that name. */
  readonly stats: Stats | undefined;
}

/** A path that cannot be resolved. `path` is where resolving failed, with links resolved so far. */
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
   * The file at a path without links, in two system calls; holding the directory first, as anything
   * else must, takes five. Undefined in all other cases: a link may be one of procfs, by which the
   * kernel leads out of the mounts here.
   */
  reached(path: HostPath): Held | undefined {
    if (!hasDescriptorPaths) return undefined;
    try {
      const at = descriptorPath(this.#open(nodePath(path), O_PATH), path);
      return readLink(at) === path ? { real: path, at } : undefined;
    } catch {
      // The general way, which comes next, finds the reason.
      return undefined;
    }
  }

  /** The entry itself: links in its directory are followed, a link in the last component is not. */
  entry(path: HostPath): Entry {
    const { parent, name } = splitPath(path);
    if (name === "") return { real: path, at: path, stats: lstatSync("/") };
    const directory = this.#directory(path, parent);
    const at = joinPath(directory.at, name);
    const stats = lstatSync(nodePath(at), { throwIfNoEntry: false });
    return { real: joinPath(directory.real, name), at, stats };
  }

  /** The entry that the path leads to: never a link, but maybe absent. */
  target(path: HostPath): Entry {
    let entry = this.entry(path);
    for (let links = 0; entry.stats?.isSymbolicLink(); links++) {
      if (links >= linksFollowedMax) throw new Unreachable(path, loop());
      entry = this.entry(this.#linkTarget(entry));
    }
    return entry;
  }

  /** Holds the existing file or directory of an entry, whatever happens to its name from now on. */
  pinned(entry: Entry): Entry {
    if (!hasDescriptorPaths) return entry;
    const fd = this.#open(nodePath(entry.at), O_PATH | constants.O_NOFOLLOW);
    const at = descriptorPath(fd, entry.at);
    return { ...entry, real: readLink(at), at };
  }

  /** Creates an empty file; fails with EEXIST when the name was taken meanwhile. */
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
   * The target of a link. A relative one starts from the held directory, so that the kernel
   * resolves its dots.
   */
  #linkTarget(entry: Entry): HostPath {
    const target = readLink(entry.at);
    if (target.startsWith("/")) return target;
    const directory = splitPath(entry.at).parent;
    return this.#withoutDots(joinPath(directory, target));
  }

  /**
   * Resolves dots in the kernel, because `..` behind a link is not textual. Names after the last
   * dots stay.
   */
  #withoutDots(path: HostPath): HostPath {
    const [, before, after = ""] = /^(.*\/\.{1,2})(?:\/(.*))?$/s.exec(path) ?? [];
    if (before === undefined) return path;
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
