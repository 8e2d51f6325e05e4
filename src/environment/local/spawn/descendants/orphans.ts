import { readFileSync } from "node:fs";
import { orphanLookMs } from "../../../../limits.ts";
import { readProcessStat } from "../../../../system/process-stat.ts";
import { type Libc, native } from "../../libc/libc.ts";

/**
 * Reaps orphans if this is process 1, as in a container without an init: the kernel makes process 1
 * the parent of every process whose parent has ended, and dead ones that nobody waits for would
 * fill the process table. Returns a function that stops it.
 *
 * Our own children are reaped in the turn in which we hear of their end, so a zombie that two looks
 * in a row find is an orphan.
 */
export function reapOrphans(libc: Libc): () => void {
  if (process.pid !== 1) return () => {};
  let seen: ReadonlySet<string> = new Set();
  const timer = setInterval(() => {
    const dead = deadChildren();
    for (const [name, pid] of dead) if (seen.has(name)) reap(libc, pid);
    seen = new Set(dead.keys());
  }, orphanLookMs).unref();
  return () => clearInterval(timer);
}

/**
 * Zombies of the main thread, which gets the orphans, by pid and start time: pids are used again.
 */
function deadChildren(): ReadonlyMap<string, number> {
  const dead = new Map<string, number>();
  for (const pid of childrenOfMainThread()) {
    const stat = readProcessStat(pid);
    if (stat?.state === "Z") dead.set(`${pid} ${stat.startTicks}`, pid);
  }
  return dead;
}

function childrenOfMainThread(): number[] {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, "latin1");
    return children.trim().split(" ").filter(Boolean).map(Number);
  } catch {
    // The kernel does not tell, or no descriptor is left.
    return [];
  }
}

function reap(libc: Libc, pid: number): void {
  libc.wait4(pid, new Int32Array(1), native.WNOHANG, new BigInt64Array(32));
}
