/**
 * When memory is short the kernel kills the largest process. Beside many small ones that is this
 * one, with all its sessions, and the memory that it frees goes on being eaten. What is started
 * inherits a score by which it is killed first: this process has that score only meanwhile.
 */
import { Buffer } from "node:buffer";
import { openSync, readSync, writeSync } from "node:fs";
import { startedOomScore } from "../../../limits.ts";

const scoreMax = 1000;

export class Victims {
  readonly #file = openScore();
  /** The score of this process, while it has another one. */
  #own: number | undefined;

  /** What is started from now on is killed before this process. */
  begin(): void {
    if (this.#own !== undefined) return;
    const own = this.#score();
    if (own === undefined) return;
    this.#set(Math.min(own + startedOomScore, scoreMax));
    this.#own = own;
  }

  end(): void {
    if (this.#own !== undefined) this.#set(this.#own);
    this.#own = undefined;
  }

  #score(): number | undefined {
    if (this.#file === undefined) return undefined;
    const text = Buffer.alloc(8);
    return Number(text.toString("latin1", 0, readSync(this.#file, text, 0, text.length, 0)));
  }

  #set(score: number): void {
    try {
      if (this.#file !== undefined) writeSync(this.#file, `${score}`, 0);
    } catch {
      // Where it is not allowed, all are killed by their size.
    }
  }
}

/** Undefined where the system knows no such score. */
function openScore(): number | undefined {
  try {
    return openSync("/proc/self/oom_score_adj", "r+");
  } catch {
    return undefined;
  }
}
