/**
 * Reports once that an absent path has appeared. Each absent path is watched in its nearest
 * existing directory, for the next name on the way to it. When that name appears the client is
 * notified, even if it is only a directory on the way; it checks the path and watches again. A path
 * may appear before its watch is set, so all are checked again after that.
 *
 * A client keeps what it found at the present path as long as it is not notified. So a change of
 * that file is told, too, and whatever happens to a directory above it, whose content may change.
 */
import { type FSWatcher, watch } from "node:fs";
import { watchEventsInTurnMax, watchedPathsMax, watchTriesMax } from "../../../limits.ts";
import type { Emit, FileSystemEvent } from "../../../protocol/methods.ts";
import { type HostPath, hostPath, nodePath, splitPath } from "../../../protocol/path-uri.ts";
import type { FileSystem } from "../../file-system.ts";
import { hasCode, lstat, realPath, stat } from "./calls/file-calls.ts";

export interface MissingWatch {
  readonly watchMissing: FileSystem["watchMissing"];
  close(): void;
}

/** One watch at a time: a new one replaces the one before. */
export const missingWatch = (emit: Emit<FileSystemEvent>): MissingWatch => {
  let current: Watch | undefined;
  return {
    async watchMissing({ watchId, missing, present }) {
      current?.stop();
      const changed = () => emit("fs/missingChanged", { watchId });
      const own = present == null ? undefined : hostPath(present);
      current = new Watch({ missing: missing.map(hostPath), present: own }, changed);
      return { watching: await current.start() };
    },
    close: () => current?.stop(),
  };
};

type Place = ReturnType<typeof splitPath>;

/** Names to watch for, by directory: the next ones on the way to absent paths, for instance. */
type Plan = Map<HostPath, Set<string>>;

interface Paths {
  readonly missing: readonly HostPath[];
  readonly present: HostPath | undefined;
}

class Watch {
  readonly #paths: Paths;
  readonly #notify: () => void;
  #plan: Plan | undefined;
  #watchers: FSWatcher[] = [];
  #state: "starting" | "watching" | "stopped" = "starting";

  constructor(paths: Paths, changed: () => void) {
    this.#paths = paths;
    this.#notify = changed;
  }

  /** False when the paths are not as told, change while the watches are set, or are too many. */
  async start(): Promise<boolean> {
    const { length } = this.#paths.missing;
    if (length === 0 || length > watchedPathsMax) return this.stop();
    let plan = await planFor(this.#paths);
    for (let tries = 0; plan && tries < watchTriesMax; tries++) {
      if (!this.#arm(plan)) break;
      const now = await planFor(this.#paths);
      if (this.#state === "stopped") break;
      if (now && isSamePlan(plan, now)) {
        this.#state = "watching";
        this.#plan = plan;
        watching.add(this);
        return true;
      }
      plan = now;
    }
    return this.stop();
  }

  /** Checks the paths again, because the kernel may have dropped events. */
  async checkAgain(): Promise<void> {
    const now = await planFor(this.#paths);
    // What was written to the present file leaves no trace in the plan.
    const mayHaveChanged = this.#paths.present !== undefined;
    if (mayHaveChanged || !now || !this.#plan || !isSamePlan(this.#plan, now)) this.#fire();
  }

  stop(): false {
    this.#state = "stopped";
    watching.delete(this);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    return false;
  }

  #arm(plan: Plan): boolean {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    if (this.#state === "stopped") return false;
    try {
      for (const [directory, names] of plan) this.#watchers.push(this.#watch(directory, names));
      return true;
    } catch (error) {
      // The directory has gone or must not be read, or the system has no watches left.
      if (hasCode(error, "ENOENT", "ENOTDIR", "EACCES", "ENOSPC", "EMFILE", "ENFILE")) return false;
      throw error;
    }
  }

  /** A directory reports its own removal or renaming under its own name. */
  #watch(directory: HostPath, names: ReadonlySet<string>): FSWatcher {
    const ownName = splitPath(directory).name;
    const watcher = watch(nodePath(directory), { persistent: false, encoding: "latin1" });
    watcher.on("change", (_, name) => {
      countEvent();
      const heard = name === null ? ownName : String(name);
      if (heard === ownName || names.has(heard)) this.#fire();
    });
    watcher.on("error", () => this.#fire());
    return watcher;
  }

  /**
   * Notifies the client, once. While starting it only stops: a path that came and went is a change,
   * too, and `start` then answers false.
   */
  #fire(): void {
    const wasWatching = this.#state === "watching";
    this.stop();
    if (wasWatching) this.#notify();
  }
}

const watching = new Set<Watch>();
let eventsInTurn = 0;

/**
 * The kernel drops events when too many are queued, and Node does not pass on the sign of that. So
 * after many events in one turn all paths are checked.
 */
function countEvent(): void {
  if (eventsInTurn++ > 0) return;
  setImmediate(() => {
    const mayHaveLostSome = eventsInTurn > watchEventsInTurnMax;
    eventsInTurn = 0;
    if (mayHaveLostSome) for (const watch of watching) void watch.checkAgain();
  });
}

/** Undefined when a path is not as told, or that cannot be verified. */
async function planFor({ missing, present }: Paths): Promise<Plan | undefined> {
  const plan: Plan = new Map();
  const add = ({ parent, name }: Place) =>
    plan.set(parent, (plan.get(parent) ?? new Set()).add(name));
  if (present !== undefined) {
    if (!(await isWithoutLinks(present))) return undefined;
    for (const place of placesOnTheWay(present)) add(place);
  }
  for (const path of missing) {
    if (await exists(path)) return undefined;
    const place = await nextOnTheWay(path);
    if (!(await isWithoutLinks(place.parent))) return undefined;
    add(place);
  }
  return plan;
}

/** A link that comes to lead elsewhere would not be heard of; the reference watches none either. */
async function isWithoutLinks(path: HostPath): Promise<boolean> {
  try {
    return (await realPath(path)) === path;
  } catch {
    return false;
  }
}

/** The path itself and every directory above it, each as a name in its parent. */
function* placesOnTheWay(path: HostPath): Generator<Place> {
  for (let at = path; at !== "/"; at = splitPath(at).parent) yield splitPath(at);
}

/** A dangling link exists, because its target could appear without an event in its directory. */
async function exists(path: HostPath): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    // A path that cannot be examined must not be taken for missing.
    return !hasCode(error, "ENOENT", "ENOTDIR");
  }
}

async function nextOnTheWay(path: HostPath): Promise<Place> {
  const place = splitPath(path);
  if (place.parent === "/" || (await isDirectory(place.parent))) return place;
  return nextOnTheWay(place.parent);
}

async function isDirectory(path: HostPath): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Missing, or a kind that cannot be watched; its parent can.
    return false;
  }
}

function isSamePlan(a: Plan, b: Plan): boolean {
  const text = (plan: Plan) =>
    JSON.stringify([...plan].map(([directory, names]) => [directory, [...names]]));
  return text(a) === text(b);
}
