/** A sandbox ends with its first process: the kernel kills all others of its pid namespace. */
import { setTimeout } from "node:timers/promises";
import { sandboxEndPollMs, sandboxEndPollMsMax } from "../limits.ts";
import { type ProcessStat, readProcessStat } from "../system/process-stat.ts";
import { childOf } from "./bwrap/inner-mounts.ts";

/** Flag of a process that is exiting: it runs no more code, however long the kernel takes. */
const PF_EXITING = 0x4;

/**
 * Takes the pid of the first process while that lives. The returned function kills the sandbox, and
 * settles when none of its code runs any more. bwrap may have ended long before: it does not wait
 * for what a command left behind, and a command can alter the process by which bwrap would end it.
 */
export function endOfSandbox(firstPid: number): () => Promise<void> {
  const begin = readProcessStat(firstPid)?.startTicks;
  const isRunning = () => {
    const stat = readProcessStat(firstPid);
    if (stat === undefined || stat.startTicks !== begin) return false;
    // Usually it is exiting and was alone; removing its mounts takes another millisecond.
    return !isDead(stat) && !(isEnding(stat) && childOf(firstPid) === undefined);
  };
  return async () => {
    for (let pauseMs = sandboxEndPollMs; isRunning(); pauseMs *= 2) {
      kill(firstPid);
      // A process that hangs on a dead disk ends when the disk is back; the server need not stay
      // for that.
      const ref = pauseMs < sandboxEndPollMsMax;
      await setTimeout(Math.min(pauseMs, sandboxEndPollMsMax), undefined, { ref });
    }
  };
}

/** Whether it is dead, at most a zombie. */
function isDead(stat: ProcessStat): boolean {
  return isAlone(stat) && /[ZX]/.test(stat.state);
}

/** Whether it is exiting. Its children may run until it is dead. */
function isEnding(stat: ProcessStat): boolean {
  return isAlone(stat) && (stat.flags & PF_EXITING) !== 0;
}

/** The main thread may have ended before others. */
function isAlone({ threads }: ProcessStat): boolean {
  return threads <= 1;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
