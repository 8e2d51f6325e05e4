/**
 * Finds and kills all descendants of a process. They carry the mark of their ancestor through
 * double fork, setsid and `env -i`; only a process that leaves its session and also changes the
 * resource limit that is the mark (`ulimit -S -x`) escapes, which does not happen by accident. All
 * carriers are stopped first, until a pass finds no new one, so that none can fork while it is
 * searched for.
 */
import { readdirSync } from "node:fs";
import { constants as system } from "node:os";
import { setImmediate, setTimeout } from "node:timers/promises";
import { processScanSliceMax, treeKillGraceMs, treeStopPassesMax } from "../../../../limits.ts";
import { withDescriptors } from "../../../../protocol/shortages.ts";
import { readProcessStat } from "../../../../system/process-stat.ts";

/** Reads the mark of a process, which tells its ancestor; undefined when it cannot be read. */
export type MarkOf = (pid: number) => bigint | undefined;

/** System calls about other processes, by libc or, in the fallback, by /proc. */
export interface ProcessTable {
  kill(pid: number, signal: number): void;
  /** The pid of the leader of its session, which is a mark too; undefined when it has ended. */
  sessionOf(pid: number): number | undefined;
}

const { SIGKILL, SIGSTOP } = system.signals;
const deathPollIntervalMs = 2;

export class TreeKiller {
  readonly #table: ProcessTable;
  readonly #markOf: MarkOf;
  readonly #ownSession: number | undefined;
  #next: { marks: Set<bigint>; done: Promise<void> } | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(table: ProcessTable, markOf: MarkOf) {
    this.#table = table;
    this.#markOf = markOf;
    this.#ownSession = table.sessionOf(process.pid);
  }

  /** Kills requested while a search runs share the next search. */
  kill(mark: bigint): Promise<void> {
    this.#next ??= this.#plan();
    this.#next.marks.add(mark);
    return this.#next.done;
  }

  #plan() {
    const marks = new Set<bigint>();
    const done = this.#running.then(() => {
      this.#next = undefined;
      return this.#killAll(marks);
    });
    // A search that fails rejects its own callers, not those of the next search.
    this.#running = done.catch(() => undefined);
    return { marks, done };
  }

  /**
   * Repeats the search until nothing is left: in a tree that has hit a process limit, each kill
   * lets a fork succeed that no search could see before.
   */
  async #killAll(marks: ReadonlySet<bigint>): Promise<void> {
    const killed = new Set<number>();
    let deadline: number | undefined;
    for (;;) {
      const alive = await this.#stopAll(marks, killed);
      deadline ??= performance.now() + treeKillGraceMs;
      if (alive.size === 0 || performance.now() > deadline) return;
      for (const [pid, mark] of alive) {
        // The pid may belong to another process by now.
        if (this.#markOf(pid) !== mark) continue;
        this.#table.kill(pid, SIGKILL);
        killed.add(pid);
      }
      await setTimeout(deathPollIntervalMs);
    }
  }

  /** Stops carriers until no new ones are found and none can fork; returns those alive. */
  async #stopAll(
    marks: ReadonlySet<bigint>,
    killed: ReadonlySet<number>,
  ): Promise<Map<number, bigint>> {
    const stopped = new Set<number>();
    for (let passes = 1; ; passes++) {
      const alive = await this.#bearers(marks);
      const others = [...alive.keys()].filter((pid) => !killed.has(pid));
      const found = others.filter((pid) => !stopped.has(pid));
      const isDone = found.length === 0 && !others.some(mayFork);
      if (isDone || passes === treeStopPassesMax) return alive;
      for (const pid of found) {
        this.#table.kill(pid, SIGSTOP);
        stopped.add(pid);
      }
      if (found.length === 0) await setTimeout(deathPollIntervalMs);
    }
  }

  /** Living processes with one of the marks, except our own session, in which we start nothing. */
  async #bearers(marks: ReadonlySet<bigint>): Promise<Map<number, bigint>> {
    const found = new Map<number, bigint>();
    const pids = await allPids();
    for (let index = 0; index < pids.length; index++) {
      if (index > 0 && index % processScanSliceMax === 0) await setImmediate();
      const pid = pids[index] ?? 0;
      const mark = this.#markOf(pid);
      if (mark === undefined || !marks.has(mark)) continue;
      if (this.#table.sessionOf(pid) !== this.#ownSession && isAlive(pid)) found.set(pid, mark);
    }
    return found;
  }
}

/** Waits for a free descriptor if need be: the kill was promised, and nobody would repeat it. */
function allPids(): Promise<number[]> {
  return withDescriptors(() => readdirSync("/proc").map(Number).filter(Number.isInteger));
}

/** A process that was stopped in the middle of a fork stops only after it. */
function mayFork(pid: number): boolean {
  return /[RS]/.test(readProcessStat(pid)?.state ?? "");
}

/** Zombies carry their marks until they are reaped. */
function isAlive(pid: number): boolean {
  const state = readProcessStat(pid)?.state;
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The mark where processes cannot be tagged: the session, whose id is the pid of its leader. */
export function sessionMark(table: ProcessTable): MarkOf {
  return (pid) => {
    const session = table.sessionOf(pid);
    return session === undefined ? undefined : BigInt(session);
  };
}
