/** A sandbox ends with its first process: the kernel kills all others of its pid namespace. */
import { setTimeout } from "node:timers/promises";
import { sandboxEndPollMs, sandboxEndPollMsMax } from "../limits.ts";
import { type ProcessStat, readProcessStat } from "../system/process-stat.ts";
import { childOf } from "./inner-mounts.ts";

/** Flag of a process that is exiting: it runs no more code, however long the kernel takes. */
const PF_EXITING = 0x4;

/**
 * To be called while that process lives. What it gives ends the sandbox and settles when nothing of
 * it runs any more. bwrap may have ended long before: it does not wait for what a command has left
 * behind, and a command can change the process on which bwrap relies for ending that.
 */
export function endOfSandbox(firstPid: number): () => Promise<void> {
  const begin = readProcessStat(firstPid)?.startTicks;
  const isRunning = () => {
    const stat = readProcessStat(firstPid);
    if (stat === undefined || stat.startTicks !== begin) return false;
    // As a rule it is about to end and was alone, and to take its mounts away takes a millisecond.
    return !isDead(stat) && !(isEnding(stat) && childOf(firstPid) === undefined);
  };
  return async () => {
    for (let pauseMs = sandboxEndPollMs; isRunning(); pauseMs *= 2) {
      kill(firstPid);
      // What hangs on a dead disk ends when that comes back, for which nobody need stay.
      const ref = pauseMs < sandboxEndPollMsMax;
      await setTimeout(Math.min(pauseMs, sandboxEndPollMsMax), undefined, { ref });
    }
  };
}

/** Nothing of it runs: the kernel keeps its exit code for whoever is to ask for it. */
function isDead(stat: ProcessStat): boolean {
  return isAlone(stat) && /[ZX]/.test(stat.state);
}

/** It runs no more; what it has started may, until it is dead. */
function isEnding(stat: ProcessStat): boolean {
  return isAlone(stat) && (stat.flags & PF_EXITING) !== 0;
}

/** The first thread of several may have ended alone. */
function isAlone({ threads }: ProcessStat): boolean {
  return threads <= 1;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
