/** What the kernel tells of processes. One that has ended, or ends meanwhile, is nothing. */
import { readdirSync, readFileSync } from "node:fs";
import { until } from "./until.ts";

/** Its arguments, each with a zero byte behind; empty when it has ended. */
export const commandLine = (pid: number): string => told(pid, "cmdline");

/** Whether it runs; one that is dead and only waits to be collected does not. */
export const isAlive = (pid: number): boolean => /\) [^ZX]/.test(told(pid, "stat"));

export const untilDead = (pid: number): Promise<void> =>
  until(`the end of process ${pid}`, () => !isAlive(pid));

/** Each belongs to the thread that started it. */
function childrenOf(pid: number): number[] {
  const lists = readdirSync(`/proc/${pid}/task`).map((thread) =>
    told(pid, `task/${thread}/children`),
  );
  return lists.join("").split(" ").filter(Boolean).map(Number);
}

/** Its descendants, the innermost first. */
export const descendantsOf = (pid: number): number[] =>
  childrenOf(pid).flatMap((child) => [...descendantsOf(child), child]);

/** The processes that look after what a server leaves behind when it is killed. */
export const keepersOf = (server: number): number[] =>
  childrenOf(server).filter((pid) => commandLine(pid).includes("codex-keeper"));

function told(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    // It has ended.
    return "";
  }
}
