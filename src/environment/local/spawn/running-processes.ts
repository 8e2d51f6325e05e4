import { setTimeout } from "node:timers/promises";
import { launchStallMs, treeKillGraceMs } from "../../../limits.ts";
import { settledWithin } from "../settled-within.ts";
import type { SpawnedProcess } from "./spawner.ts";

/** What a spawner has started and not seen the end of; a process leaves when it holds nothing. */
export class RunningProcesses {
  readonly #processes = new Set<SpawnedProcess>();
  readonly #starts = new Set<Promise<SpawnedProcess>>();

  /** A start that is under way. */
  track(start: Promise<SpawnedProcess>): Promise<SpawnedProcess> {
    this.#starts.add(start);
    const forget = () => this.#starts.delete(start);
    start.then(forget, forget);
    return start;
  }

  add(process: SpawnedProcess): void {
    this.#processes.add(process);
  }

  delete(process: SpawnedProcess): void {
    this.#processes.delete(process);
  }

  /** Resolves when all are gone, or when those that are left cannot be killed. */
  async killAll(): Promise<void> {
    await this.#killThoseThatRun();
    // A start may hang in the system for ever; the keeper ends what comes of it.
    await settledWithin(Promise.allSettled(this.#starts), launchStallMs);
    await this.#killThoseThatRun();
    const deadline = performance.now() + treeKillGraceMs;
    while (this.#processes.size > 0 && performance.now() < deadline) await setTimeout(1);
  }

  async #killThoseThatRun(): Promise<void> {
    const processes = [...this.#processes];
    await Promise.all(processes.map((process) => process.killTree()));
    for (const process of processes) process.abandonOutput();
  }
}
