/**
 * Mount points in workspaces: empty directories in place of protected or denied paths that do not
 * exist. Only a mount keeps a name from being created, and a mount needs a directory to lie on.
 * They exist only while a process needs them. Each is recorded before it is made, by a symbolic
 * link (its mark) in the state directory, so that they can be removed after a crash.
 */
import type { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { pathBytesMax } from "../limits.ts";
import { internalError, messageOf, type RpcError, toRpcError } from "../protocol/errors.ts";
import { type HostPath, nodePath, shownPath, splitPath } from "../protocol/path-uri.ts";
import { withDescriptors } from "../protocol/shortages.ts";
import { isBelow } from "./access.ts";
import { disk } from "./disk-call.ts";
import { makeDirectory, removeDirectory } from "./empty-directory.ts";
import { setUpFailure } from "./health-reasons.ts";
import { MountSweeper } from "./mount-sweeper.ts";
import { PlaceTurns } from "./place-turns.ts";
import { existingPath } from "./real-path.ts";
import { isAlive, serverName } from "./server-name.ts";
import { noRoomFix } from "./state-keeper.ts";

/** A path that must not be created; or a directory that exists, and may be such a mount point. */
export interface WantedPoint {
  readonly path: HostPath;
  readonly isMissing: boolean;
}

/** The mount points held for one process. */
export interface MadePoints {
  readonly paths: ReadonlySet<HostPath>;
  /** Whether the file system has changed since the world was surveyed. */
  readonly isOutdated: boolean;
  /** Removes the mount points that no other process needs. */
  release(): Promise<void>;
}

const noPoints: MadePoints = { paths: new Set(), isOutdated: false, release: async () => {} };

/**
 * `impossible`: no process with this server's rights can create the path, so it needs no mount.
 * `changed`: something else exists there now, or the directory above does not.
 */
type Outcome = "ours" | "changed" | "impossible";

interface Found {
  readonly path: HostPath;
  readonly outcome: Outcome;
}

export class MountPoints {
  readonly #marks: () => Promise<HostPath>;
  /** The number of processes that need each mount point, and the path of its mark. */
  readonly #held = new Map<HostPath, { count: number; readonly mark: string | Buffer }>();
  readonly #name = `${serverName(process.pid)}.${randomUUID().slice(0, 8)}`;
  readonly #sweeper: MountSweeper;
  /**
   * Serializes work on the same path, because one process may release what another is about to
   * need. Work on other paths need not wait for a dead disk.
   */
  readonly #turns = new PlaceTurns();
  #marked = 0;

  constructor(marks: () => Promise<HostPath>) {
    this.#marks = marks;
    this.#sweeper = new MountSweeper(this.#name);
  }

  has(path: HostPath): boolean {
    return this.#held.has(path);
  }

  /** Makes the missing ones, unless no process with this server's rights could create them. */
  make(wanted: readonly WantedPoint[]): Promise<MadePoints> {
    if (wanted.length === 0) return Promise.resolve(noPoints);
    const places = wanted.map(({ path }) => path);
    return this.#turns.take(places, async () => {
      const marks = await this.#marks();
      this.#sweeper.start(marks);
      // Includes those of ended servers: whichever server cleans up after them leaves what this one
      // has marked.
      const others = await this.#othersPoints(() => true);
      const found: Found[] = [];
      const made = () => found.filter(({ outcome }) => outcome === "ours").map(({ path }) => path);
      try {
        // Parents before children.
        for (const level of levelsOf(wanted)) {
          await allSettled(level, async (point) => {
            if (!(await this.#isToBeMade(point, others))) return;
            const { path } = point;
            const isImpossible = isBelowImpossible(path, found);
            const outcome = isImpossible ? "impossible" : await this.#acquire(path, marks, others);
            found.push({ path, outcome });
          });
        }
      } catch (error) {
        await this.#release(made());
        throw error;
      }
      const release = () => this.#turns.take(places, () => this.#release(made()));
      const isOutdated = found.some(({ outcome }) => outcome === "changed");
      return { paths: new Set(made()), isOutdated, release };
    });
  }

  /** Removes the mount points and marks of servers that have ended. */
  async sweep(): Promise<void> {
    const marks = await this.#marks();
    const others = await this.#othersPoints(isAlive);
    const isNeeded = (path: HostPath) => this.has(path) || others.has(path);
    for (const mark of (await disk.readdir(nodePath(marks))).sort()) {
      if (!isAlive(mark)) await removeMarked(`${marks}/${mark}` as HostPath, isNeeded);
    }
  }

  close(): void {
    this.#sweeper.close();
  }

  /** Also makes what was another server's mount point during the survey and is gone by now. */
  async #isToBeMade({ path, isMissing }: WantedPoint, others: ReadonlySet<string>) {
    if (isMissing || this.has(path) || others.has(path)) return true;
    return (await existingPath(path)) === undefined;
  }

  async #acquire(path: HostPath, marks: HostPath, others: ReadonlySet<string>): Promise<Outcome> {
    const known = this.#held.get(path);
    if (known) {
      known.count++;
      return "ours";
    }
    const mark = nodePath(`${marks}/${this.#name}-${rank(path)}-${this.#marked++}` as HostPath);
    await disk.symlink(nodePath(path), mark).catch(markFailure(marks));
    let outcome: Outcome | undefined;
    try {
      outcome = await makeEmpty(path, others);
      return outcome;
    } finally {
      if (outcome === "ours") this.#held.set(path, { count: 1, mark });
      else await disk.unlink(mark);
    }
  }

  /** Waits for free descriptors, because a failed release is not retried while this server runs. */
  async #release(paths: readonly HostPath[]): Promise<void> {
    const others = await withDescriptors(() => this.#othersPoints(isAlive));
    const levels = levelsOf(paths.map((path) => ({ path })));
    for (const level of levels.reverse()) {
      await Promise.all(level.map(({ path }) => this.#releaseOne(path, others)));
    }
  }

  async #releaseOne(path: HostPath, others: ReadonlySet<string>): Promise<void> {
    const known = this.#held.get(path);
    if (!known || --known.count > 0) return;
    this.#held.delete(path);
    if (!others.has(path)) await removeEmpty(path);
    await disk.unlink(known.mark).catch(unlessExpected);
  }

  /** The mount points of this user's other servers, by the marks for which `counts` is true. */
  async #othersPoints(counts: (mark: string) => boolean): Promise<Set<string>> {
    const marks = await this.#marks();
    const names = (await disk.readdir(nodePath(marks))).filter(
      (mark) => !mark.startsWith(`${this.#name}-`) && counts(mark),
    );
    const targetOf = (name: string) => disk.readlink(nodePath(`${marks}/${name}` as HostPath));
    const targets = names.map((name) => targetOf(name).catch(() => ""));
    return new Set(await Promise.all(targets));
  }
}

/** Waits for all work even if some fails, and then throws the first failure. */
async function allSettled<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(items.map(work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** Sorts the marks of children before that of their parent. */
function rank(path: HostPath): string {
  return `${pathBytesMax - path.length}`.padStart(4, "0");
}

/** Groups paths by depth: those of one depth do not contain each other. */
function levelsOf<T extends { readonly path: HostPath }>(points: readonly T[]): T[][] {
  const levels: T[][] = [];
  for (const point of points) {
    const depth = point.path.split("/").length;
    levels[depth] = [...(levels[depth] ?? []), point];
  }
  return levels.filter((level) => level !== undefined);
}

const isBelowImpossible = (path: HostPath, found: readonly Found[]) =>
  found.some((above) => above.outcome === "impossible" && isBelow(path, above.path));

async function makeEmpty(path: HostPath, others: ReadonlySet<string>): Promise<Outcome> {
  try {
    await makeDirectory(path);
    return "ours";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "EEXIST") return others.has(path) ? "ours" : "changed";
    if (code === "ENOENT" || code === "ENOTDIR") return "changed";
    if (code === "EPERM" || code === "EROFS") return "impossible";
    if (code === "EACCES" && !(await isOwned(splitPath(path).parent))) return "impossible";
    throw cannotProtect(path, error);
  }
}

/** Whether this server's user owns the directory: an owner can grant himself missing rights. */
async function isOwned(directory: HostPath): Promise<boolean> {
  return (await stat(nodePath(directory))).uid === process.geteuid?.();
}

function cannotProtect(path: HostPath, cause: unknown): RpcError {
  return internalError(
    `cannot keep ${shownPath(path)} from coming into being: no mount point can be made (${messageOf(cause)}); ` +
      "make the directory above it writable, or take it out of what may be written",
    cause,
  );
}

/**
 * Names the marks' directory, because its failure (such as a full disk) is not that of the
 * requested path.
 */
const markFailure = (marks: HostPath) => (cause: unknown) => {
  const reason = `${shownPath(marks)}: ${toRpcError(cause).message}`;
  throw setUpFailure({ reason, fix: noRoomFix }, cause);
};

async function removeMarked(mark: HostPath, isNeeded: (path: HostPath) => boolean): Promise<void> {
  const target = await disk.readlink(nodePath(mark)).catch(() => undefined);
  if (target === undefined) return;
  if (!isNeeded(target as HostPath)) await removeEmpty(target as HostPath);
  await disk.unlink(nodePath(mark)).catch(unlessExpected);
}

/** Removes a mount point, unless something has been put into it. */
async function removeEmpty(path: HostPath): Promise<void> {
  await removeDirectory(path).catch(unlessExpected);
}

function unlessExpected(error: NodeJS.ErrnoException): void {
  const expected = ["ENOENT", "ENOTEMPTY", "ENOTDIR", "EEXIST", "EACCES", "EPERM", "EROFS"];
  if (!expected.includes(error.code ?? "")) throw error;
}
