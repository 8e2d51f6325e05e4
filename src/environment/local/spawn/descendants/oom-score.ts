/**
 * When memory runs out the kernel kills the process with the highest score, which grows with its
 * size. Among many small processes that would be this server, with all its sessions, instead of
 * those that use up the memory. So started processes inherit a higher score, which this process has
 * only while it starts them.
 */
import { Buffer } from "node:buffer";
import { openSync, readSync, writeSync } from "node:fs";
import { startedOomScore } from "../../../../limits.ts";

const scoreMax = 1000;

export class OomScore {
  readonly #file = openScore();
  /** This process's own score, while it is raised. */
  #own: number | undefined;

  /** Processes started until `restore` are killed before this one. May be called twice. */
  raise(): void {
    if (this.#own !== undefined) return;
    const own = this.#score();
    if (own === undefined) return;
    this.#set(Math.min(own + startedOomScore, scoreMax));
    this.#own = own;
  }

  restore(): void {
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
      // Not permitted: then size alone decides.
    }
  }
}

/** Undefined where the system has no such score. */
function openScore(): number | undefined {
  try {
    return openSync("/proc/self/oom_score_adj", "r+");
  } catch {
    return undefined;
  }
}
