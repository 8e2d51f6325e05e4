import { setTimeout } from "node:timers/promises";
import { treeKillGraceMs } from "../../../limits.ts";
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
    await Promise.allSettled(this.#starts);
    const processes = [...this.#processes];
    await Promise.all(processes.map((process) => process.killTree()));
    for (const process of processes) process.abandonOutput();
    const deadline = performance.now() + treeKillGraceMs;
    while (this.#processes.size > 0 && performance.now() < deadline) await setTimeout(1);
  }
}
