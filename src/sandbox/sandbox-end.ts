/** The end of a sandbox, which is that of its first process: the kernel ends all others with it. */
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { sandboxEndPollMs, sandboxEndPollMsMax } from "../limits.ts";
import { childOf } from "./inner-mounts.ts";

/** Of a process that runs no code of its own any more, however long the kernel needs to end it. */
const PF_EXITING = 0x4;

/**
 * To be called while that process lives. What it gives ends the sandbox and settles when nothing of
 * it runs any more. bwrap may have ended long before: it does not wait for what a command has left
 * behind, and a command can change the process on which bwrap relies for ending that.
 */
export function endOfSandbox(firstPid: number): () => Promise<void> {
  const begin = stateOf(firstPid)?.startTicks;
  const isRunning = () => {
    const state = stateOf(firstPid);
    if (state === undefined || state.startTicks !== begin) return false;
    // As a rule it is about to end and was alone, and to take its mounts away takes a millisecond.
    return !state.isDead && !(state.isEnding && childOf(firstPid) === undefined);
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

interface State {
  /** Nothing of it runs: the kernel keeps its exit code for whoever is to ask for it. */
  readonly isDead: boolean;
  /** It runs no more; what it has started may, until it is dead. */
  readonly isEnding: boolean;
  /** Together with its number it is nobody else's. */
  readonly startTicks: string;
}

/** Undefined when there is no such process. */
function stateOf(pid: number): State | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [letter = "", flags, startTicks = ""] = [fields[0], fields[6], fields[19]];
    // The first thread of several may have ended alone.
    const isAlone = Number(fields[17]) <= 1;
    const isEnding = isAlone && (Number(flags) & PF_EXITING) !== 0;
    return { isDead: isAlone && /[ZX]/.test(letter), isEnding, startTicks };
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
