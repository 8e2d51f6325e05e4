import { PatientTimer } from "../../../async/patient-timer.ts";
import { timerMsMax } from "../../../limits.ts";
import type { EventParams } from "../../../protocol/methods.ts";

export type TimeLimit = NonNullable<EventParams<"process/exited">["reason"]>;

interface TimeLimitsOptions {
  readonly timeoutMs?: number | null | undefined;
  readonly idleTimeoutMs?: number | null | undefined;
  /** Whether the output is not being read, so that silence means nothing. */
  readonly isHeld: () => boolean;
  /** Called once, for the first limit that is reached. */
  readonly onReached: (limit: TimeLimit) => void;
}

/** Limits how long a process may run, and how long it may print nothing. */
export class TimeLimits {
  readonly #options: TimeLimitsOptions;
  #heardAt = performance.now();
  #whole: PatientTimer | undefined;
  #idle: PatientTimer | undefined;

  constructor(options: TimeLimitsOptions) {
    this.#options = options;
    const { timeoutMs, idleTimeoutMs } = options;
    // It begins only once: time in which this server stood still counts, too.
    if (isLimit(timeoutMs)) this.#whole = after(timeoutMs, () => this.#reach("timeout"), 1);
    if (isLimit(idleTimeoutMs)) this.#listenFor(idleTimeoutMs, idleTimeoutMs);
  }

  /** The process has printed something. Called for all output, so it only reads the clock. */
  heard(): void {
    if (this.#idle) this.#heardAt = performance.now();
  }

  end(): void {
    this.#whole?.stop();
    this.#idle?.stop();
  }

  #listenFor(delayMs: number, idleTimeoutMs: number): void {
    this.#idle = after(delayMs, () => {
      if (this.#options.isHeld()) this.#heardAt = performance.now();
      const leftMs = this.#heardAt + idleTimeoutMs - performance.now();
      if (leftMs > 0) this.#listenFor(leftMs, idleTimeoutMs);
      else this.#reach("idleTimeout");
    });
  }

  #reach(limit: TimeLimit): void {
    this.end();
    this.#options.onReached(limit);
  }
}

/** A limit beyond the longest timer, some 25 days, is ignored. */
const isLimit = (limitMs: number | null | undefined): limitMs is number =>
  limitMs != null && limitMs <= timerMsMax;

const after = (delayMs: number, then: () => void, beginningsMax?: number) =>
  new PatientTimer(Math.ceil(delayMs), then, beginningsMax).unref();
