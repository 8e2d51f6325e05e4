/**
 * Mount points in workspaces: empty directories in place of protected or denied paths that do not
 * exist. Only a mount keeps a name from being created, and a mount needs a directory to lie on.
 * They exist only while a process needs them. Each is recorded before it is made, by a symbolic
 * link (its mark) in the state directory, so that they can be removed after a crash.
 */
import { setTimeout } from "node:timers/promises";
import { mountPointLeaveMs, mountPointPollMs } from "../../limits.ts";
import { internalError } from "../../protocol/errors.ts";
import { type HostPath, isBelow, shownPath } from "../../protocol/path-uri.ts";
import { withDescriptors } from "../../protocol/shortages.ts";
import { existingPath } from "../policy/real-path.ts";
import { makeMountPoint, type Outcome, removeMountPoint } from "./make-mount-point.ts";
import { type Mark, MountMarks } from "./mount-marks.ts";
import { MountSweeper } from "./mount-sweeper.ts";
import { PlaceTurns } from "./place-turns.ts";

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

interface Found {
  readonly path: HostPath;
  readonly outcome: Outcome;
}

export class MountPoints {
  readonly #marks: MountMarks;
  /** The number of processes that need each mount point, and its mark. */
  readonly #held = new Map<HostPath, { count: number; readonly mark: HostPath }>();
  readonly #sweeper: MountSweeper;
  /**
   * Serializes work on the same path, because one process may release what another is about to
   * need. Work on other paths need not wait for a dead disk.
   */
  readonly #turns = new PlaceTurns();

  constructor(marks: () => Promise<HostPath>) {
    this.#marks = new MountMarks(marks);
    this.#sweeper = new MountSweeper(this.#marks.server);
  }

  has(path: HostPath): boolean {
    return this.#held.has(path);
  }

  /** Makes the missing ones, unless no process with this server's rights could create them. */
  make(wanted: readonly WantedPoint[]): Promise<MadePoints> {
    if (wanted.length === 0) return Promise.resolve(noPoints);
    const places = wanted.map(({ path }) => path);
    return this.#turns.take(places, async () => {
      this.#sweeper.start(await this.#marks.directory());
      const found: Found[] = [];
      const made = () => found.filter(({ outcome }) => outcome === "ours").map(({ path }) => path);
      try {
        const others = new Set((await this.#marks.others()).map(({ path }) => path));
        await this.#makeAll(await this.#toBeMade(wanted, others), others, found);
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
    const dead = (await this.#marks.all()).filter((mark) => !mark.isAlive());
    const left = new Map<HostPath, HostPath>();
    for (const { at, path } of dead) {
      const mark = await this.#marks.leave(at);
      if (mark !== undefined) left.set(mark, path);
    }
    const needed = neededBy(await this.#marks.all());
    for (const path of left.values()) if (!needed.has(path)) await removeMountPoint(path);
    for (const mark of left.keys()) await this.#marks.drop(mark);
  }

  close(): void {
    this.#sweeper.close();
  }

  /** Also what was another server's mount point during the survey and is gone by now. */
  async #toBeMade(wanted: readonly WantedPoint[], others: ReadonlySet<HostPath>) {
    const isMissing = async (point: WantedPoint) =>
      point.isMissing ||
      this.has(point.path) ||
      others.has(point.path) ||
      (await existingPath(point.path)) === undefined;
    const missing = await Promise.all(wanted.map(isMissing));
    return wanted.filter((_, at) => missing[at]).map(({ path }) => path);
  }

  /**
   * Adds the outcomes to `found`, also when it throws. `others` are the mount points of other
   * servers before this one marks its own. They are adopted, also if an ended server left them:
   * whichever server cleans up leaves what this one has marked.
   */
  async #makeAll(paths: readonly HostPath[], others: Set<HostPath>, found: Found[]): Promise<void> {
    const marks = new Map<HostPath, HostPath>();
    try {
      const unmarked = paths.filter((path) => !this.has(path));
      await allSettled(unmarked, async (path) => {
        marks.set(path, await this.#marks.put(path));
      });
      if (marks.size > 0) await this.#untilNobodyLeaves(marks, others);
      // Parents before children.
      for (const level of levelsOf(paths)) {
        await allSettled(level, async (path) => {
          const isImpossible = isBelowImpossible(path, found);
          const outcome = isImpossible ? "impossible" : await this.#acquire(path, marks, others);
          found.push({ path, outcome });
        });
      }
    } finally {
      const left = new Map<HostPath, HostPath>();
      for (const [path, mark] of marks) {
        // Whoever had it may have left it to this server.
        if (others.has(path)) left.set(path, mark);
        else await this.#marks.drop(mark);
      }
      await this.#leave(left);
    }
  }

  /** Takes the mark out of `marks` if it stays. */
  async #acquire(
    path: HostPath,
    marks: Map<HostPath, HostPath>,
    others: Set<HostPath>,
  ): Promise<Outcome> {
    const known = this.#held.get(path);
    const mark = known?.mark ?? marks.get(path);
    if (known) known.count++;
    if (known || mark === undefined) return "ours";
    let outcome = await makeMountPoint(path, others);
    if (outcome === "changed") {
      // Another server may have marked and made it since, and now leaves it to this one.
      for (const other of await this.#marks.others()) others.add(other.path);
      outcome = await makeMountPoint(path, others);
    }
    if (outcome !== "ours") return outcome;
    this.#held.set(path, { count: 1, mark });
    marks.delete(path);
    return outcome;
  }

  /**
   * Waits until no other server is about to remove one of the `marked` paths, and adds to `others`
   * what other servers have marked.
   */
  async #untilNobodyLeaves(
    marked: ReadonlyMap<HostPath, unknown>,
    others: Set<HostPath>,
  ): Promise<void> {
    for (const endMs = performance.now() + mountPointLeaveMs; ; ) {
      const marks = await this.#marks.others();
      for (const { path } of marks) others.add(path);
      const left = marks.find(({ isLeaving, path }) => isLeaving && marked.has(path));
      if (!left) return;
      // Who was to remove it died, too, and whoever took it over would have renamed the mark.
      if (!left.isAlive()) await this.#marks.drop(left.at);
      else if (performance.now() < endMs) await setTimeout(mountPointPollMs);
      else throw stillLeft(left.path);
    }
  }

  async #release(paths: readonly HostPath[]): Promise<void> {
    const left = new Map<HostPath, HostPath>();
    for (const path of paths) {
      const known = this.#held.get(path);
      if (!known || --known.count > 0) continue;
      this.#held.delete(path);
      left.set(path, known.mark);
    }
    await this.#leave(left);
  }

  /** Removes mount points that no other server needs, and their marks. */
  async #leave(marks: ReadonlyMap<HostPath, HostPath>): Promise<void> {
    if (marks.size === 0) return;
    const left = await Promise.all([...marks.values()].map((mark) => this.#marks.leave(mark)));
    // Waits for free descriptors, because a failed release is not retried while this server runs.
    const needed = neededBy(await withDescriptors(() => this.#marks.others()));
    for (const level of levelsOf([...marks.keys()]).reverse()) {
      const unneeded = level.filter((path) => !needed.has(path));
      await Promise.all(unneeded.map(removeMountPoint));
    }
    for (const mark of left) if (mark !== undefined) await this.#marks.drop(mark);
  }
}

/** The mount points that some living server needs. */
function neededBy(marks: readonly Mark[]): Set<HostPath> {
  const needing = marks.filter((mark) => !mark.isLeaving && mark.isAlive());
  return new Set(needing.map(({ path }) => path));
}

/** Waits for all work even if some fails, and then throws the first failure. */
async function allSettled<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(items.map(work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** Groups paths by depth: those of one depth do not contain each other. */
function levelsOf(paths: readonly HostPath[]): HostPath[][] {
  const levels: HostPath[][] = [];
  for (const path of paths) {
    const depth = path.split("/").length;
    levels[depth] = [...(levels[depth] ?? []), path];
  }
  return levels.filter((level) => level !== undefined);
}

const isBelowImpossible = (path: HostPath, found: readonly Found[]) =>
  found.some((above) => above.outcome === "impossible" && isBelow(path, above.path));

function stillLeft(path: HostPath) {
  return internalError(
    `another server has not removed its mount point ${shownPath(path)} within ` +
      `${mountPointLeaveMs / 1000} s: see whether it hangs, or try again`,
  );
}
