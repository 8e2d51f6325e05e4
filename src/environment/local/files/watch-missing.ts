/**
 * Tells once that something absent has appeared. Each absent path is watched in its nearest
 * existing directory, for the next name on the way to it; when that name turns up the client is
 * told, also when it is only a directory on the way: it looks again and asks anew. Between looking
 * and watching something may appear, so after the watches are set everything is looked at again.
 */
import { type FSWatcher, watch } from "node:fs";
import { watchEventsInTurnMax, watchedPathsMax, watchTriesMax } from "../../../limits.ts";
import type { Emit, FileSystemEvent } from "../../../protocol/methods.ts";
import { type HostPath, hostPath, nodePath, splitPath } from "../../../protocol/path-uri.ts";
import type { FileSystem } from "../../file-system.ts";
import { hasCode, lstat, stat } from "./file-calls.ts";

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
      const mine = new Watch(missing.map(hostPath), changed);
      current = mine;
      const holds = present == null || (await exists(hostPath(present)));
      return { watching: holds && (await mine.start()) };
    },
    close: () => current?.stop(),
  };
};

/** Where to look for the next name on the way to something absent: names by directory. */
type Plan = Map<HostPath, Set<string>>;

class Watch {
  readonly #missing: readonly HostPath[];
  readonly #changed: () => void;
  #plan: Plan | undefined;
  #watchers: FSWatcher[] = [];
  #state: "starting" | "watching" | "stopped" = "starting";

  constructor(missing: readonly HostPath[], changed: () => void) {
    this.#missing = missing;
    this.#changed = changed;
  }

  /** False: something is there, or came while the watches were set, or cannot be watched. */
  async start(): Promise<boolean> {
    if (this.#missing.length === 0 || this.#missing.length > watchedPathsMax) return this.stop();
    let plan = await planFor(this.#missing);
    for (let tries = 0; plan && tries < watchTriesMax; tries++) {
      if (!this.#arm(plan)) break;
      const now = await planFor(this.#missing);
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

  /** Some of what was to be heard may have been lost. */
  async lookAgain(): Promise<void> {
    const now = await planFor(this.#missing);
    if (!now || !this.#plan || !isSamePlan(this.#plan, now)) this.#fire();
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
      // The directory has gone, may not be read, or the system has no watches left.
      if (hasCode(error, "ENOENT", "ENOTDIR", "EACCES", "ENOSPC", "EMFILE", "ENFILE")) return false;
      throw error;
    }
  }

  /** Of its own removal or renaming a directory speaks under its own name. */
  #watch(directory: HostPath, names: ReadonlySet<string>): FSWatcher {
    const ownName = splitPath(directory).name;
    const watcher = watch(nodePath(directory), { persistent: false, encoding: "latin1" });
    watcher.on("change", (_, name) => {
      countHeard();
      const heard = name === null ? ownName : String(name);
      if (heard === ownName || names.has(heard)) this.#fire();
    });
    watcher.on("error", () => this.#fire());
    return watcher;
  }

  /** While starting, the look that follows the watches decides; what came and went meanwhile has
   * changed something too, so nothing is watched then. */
  #fire(): void {
    const wasWatching = this.#state === "watching";
    this.stop();
    if (wasWatching) this.#changed();
  }
}

const watching = new Set<Watch>();
let heardInTurn = 0;

/**
 * The kernel keeps only so many changes for a process that does not come to hear of them, and drops
 * the rest without a sign that Node would pass on: who hears of many at once looks for himself.
 */
function countHeard(): void {
  if (heardInTurn++ > 0) return;
  setImmediate(() => {
    const mayHaveLostSome = heardInTurn > watchEventsInTurnMax;
    heardInTurn = 0;
    if (mayHaveLostSome) for (const watch of watching) void watch.lookAgain();
  });
}

/** Undefined when one of the paths is there, or nobody can tell. */
async function planFor(missing: readonly HostPath[]): Promise<Plan | undefined> {
  const plan: Plan = new Map();
  for (const path of missing) {
    if (await exists(path)) return undefined;
    const { directory, name } = await nextOnTheWay(path);
    plan.set(directory, (plan.get(directory) ?? new Set()).add(name));
  }
  return plan;
}

/** A dangling link exists: what it leads to could appear without a sign in its directory. */
async function exists(path: HostPath): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    // What cannot be looked at counts as there: it must not be taken for missing.
    return !hasCode(error, "ENOENT", "ENOTDIR");
  }
}

async function nextOnTheWay(path: HostPath): Promise<{ directory: HostPath; name: string }> {
  const { parent, name } = splitPath(path);
  if (parent === "/" || (await isDirectory(parent))) return { directory: parent, name };
  return nextOnTheWay(parent);
}

async function isDirectory(path: HostPath): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Missing, or of a kind that cannot be watched: its own directory can.
    return false;
  }
}

function isSamePlan(a: Plan, b: Plan): boolean {
  const text = (plan: Plan) =>
    JSON.stringify([...plan].map(([directory, names]) => [directory, [...names]]));
  return text(a) === text(b);
}
