/**
 * Marks of mount points: symbolic links to them in a directory that all servers of this user share.
 *
 * Two servers may need the same mount point, and one may remove it while the other begins to need
 * it. So who removes first turns his mark into a leaving one, and then looks who else has marked
 * the path; who needs it first marks it, and then looks who is leaving. Whatever the order, one of
 * the two sees the other. And of two who leave, each removes, because neither counts the other.
 *
 * A leaving mark names who is to remove the mount point, and only a dead one's is taken over: of
 * two with the same mark the first would drop it while the other is still about to remove.
 */
import { randomUUID } from "node:crypto";
import { pathBytesMax } from "../../limits.ts";
import { toRpcError } from "../../protocol/errors.ts";
import { type HostPath, nodePath, shownPath, splitPath } from "../../protocol/path-uri.ts";
import { disk } from "../../system/disk-call.ts";
import { setUpFailure } from "../bwrap/health-reasons.ts";
import { noRoomFix } from "../state/state-keeper.ts";
import { isAlive, serverName } from "./server-name.ts";

export interface Mark {
  /** The link itself. */
  readonly at: HostPath;
  /** The mount point. */
  readonly path: HostPath;
  /** Nobody needs the mount point by this mark any more; it is about to be removed. */
  readonly isLeaving: boolean;
  /** Whether who needs the mount point, or is to remove it, still runs. */
  isAlive(): boolean;
}

/** In a leaving mark's name, before that of who removes; the sweeper knows it, too. */
const leaving = "~";

export class MountMarks {
  /** Begins the names of this server's marks. */
  readonly server = `${serverName(process.pid)}.${randomUUID().slice(0, 8)}`;
  readonly #directory: () => Promise<HostPath>;
  #count = 0;

  constructor(directory: () => Promise<HostPath>) {
    this.#directory = directory;
  }

  directory(): Promise<HostPath> {
    return this.#directory();
  }

  /** Marks a path and gives the mark's own. Throws an RpcError that names the directory. */
  async put(path: HostPath): Promise<HostPath> {
    const directory = await this.#directory();
    const at = `${directory}/${this.server}-${rank(path)}-${this.#count++}` as HostPath;
    await disk.symlink(nodePath(path), nodePath(at)).catch(markFailure(directory));
    return at;
  }

  /** Turns a mark into this server's leaving one. Undefined when it is gone, or another's now. */
  async leave(at: HostPath): Promise<HostPath | undefined> {
    const { parent, name } = splitPath(at);
    const [marked] = name.split(leaving);
    const left = `${parent}/${marked}${leaving}${this.server}` as HostPath;
    return disk.rename(nodePath(at), nodePath(left)).then(() => left, unlessGone);
  }

  async drop(at: HostPath): Promise<void> {
    await disk.unlink(nodePath(at)).catch(unlessGone);
  }

  /** All marks, those of children before that of their parent. */
  async all(): Promise<Mark[]> {
    return this.#read(() => true);
  }

  /** The marks of other servers. */
  async others(): Promise<Mark[]> {
    return this.#read((name) => !name.startsWith(`${this.server}-`));
  }

  async #read(counts: (name: string) => boolean): Promise<Mark[]> {
    const directory = await this.#directory();
    const names = (await disk.readdir(nodePath(directory))).filter(counts).sort();
    const marks = await Promise.all(names.map((name) => markAt(directory, name)));
    return marks.filter((mark) => mark !== undefined);
  }
}

async function markAt(directory: HostPath, name: string): Promise<Mark | undefined> {
  const at = `${directory}/${name}` as HostPath;
  const path = await disk.readlink(nodePath(at)).catch(() => undefined);
  if (path === undefined) return undefined;
  const [server = "", remover] = name.split(leaving);
  const isLeaving = remover !== undefined;
  return { at, path: path as HostPath, isLeaving, isAlive: () => isAlive(remover ?? server) };
}

/** Sorts the marks of children before that of their parent. */
function rank(path: HostPath): string {
  return `${pathBytesMax - path.length}`.padStart(4, "0");
}

/**
 * Names the marks' directory, because its failure (such as a full disk) is not that of the
 * requested path.
 */
const markFailure = (directory: HostPath) => (cause: unknown) => {
  const reason = `${shownPath(directory)}: ${toRpcError(cause).message}`;
  throw setUpFailure({ reason, fix: noRoomFix }, cause);
};

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}
