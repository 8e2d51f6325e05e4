import { setTimeout } from "node:timers/promises";
import { settledWithin } from "../../../../async/settled-within.ts";
import { launchStallMs, treeKillGraceMs } from "../../../../limits.ts";
import type { SpawnedProcess } from "./spawner.ts";

/** The processes of a spawner, from the start of each until it has released its descriptors. */
export class RunningProcesses {
  readonly #processes = new Set<SpawnedProcess>();
  readonly #starts = new Set<Promise<SpawnedProcess>>();

  /** Registers a start that is under way, for which `killAll` waits. */
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

  /**
   * Kills all. Resolves when they are gone, or after `treeKillGraceMs` if some cannot be killed.
   */
  async killAll(): Promise<void> {
    await this.#killRunning();
    // A start may hang in exec for ever; the keeper kills what comes of it.
    await settledWithin(Promise.allSettled(this.#starts), launchStallMs);
    await this.#killRunning();
    const deadline = performance.now() + treeKillGraceMs;
    while (this.#processes.size > 0 && performance.now() < deadline) await setTimeout(1);
  }

  async #killRunning(): Promise<void> {
    const processes = [...this.#processes];
    await Promise.all(processes.map((process) => process.killTree()));
    for (const process of processes) process.abandonOutput();
  }
}
