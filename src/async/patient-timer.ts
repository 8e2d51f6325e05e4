import { looksBeforeGivingUp, standstillMsMin } from "../limits.ts";

/**
 * Calls `over` when something has not come in time. After the whole program stood still (a paused
 * container, a machine without a free processor) timers fire before anything that arrived meanwhile
 * is read. So input is read first, and a timer that fires late begins anew.
 */
export class PatientTimer {
  readonly #limitMs: number;
  readonly #over: () => void;
  readonly #beginningsMax: number;
  readonly #timer: NodeJS.Timeout;
  #immediate: NodeJS.Immediate | undefined;
  #beginnings = 0;
  #dueAtMs = 0;

  constructor(limitMs: number, over: () => void, beginningsMax = 2) {
    this.#limitMs = limitMs;
    this.#over = over;
    this.#beginningsMax = beginningsMax;
    this.#timer = setTimeout(() => this.#onDue(), limitMs);
    this.#begin();
  }

  /** Starts the time anew, even after it was over. */
  refresh(): void {
    clearImmediate(this.#immediate);
    this.#timer.refresh();
    this.#beginnings = 0;
    this.#begin();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  /** Lets the program end before the timer. */
  unref(): this {
    this.#timer.unref();
    return this;
  }

  #begin(): void {
    this.#beginnings++;
    this.#dueAtMs = performance.now() + this.#limitMs;
  }

  #onDue(): void {
    const isLate = performance.now() - this.#dueAtMs > standstillMsMin;
    if (isLate && this.#beginnings < this.#beginningsMax) {
      this.#timer.refresh();
      this.#begin();
    } else {
      this.#waitForInput(1);
    }
  }

  #waitForInput(looks: number): void {
    this.#immediate = setImmediate(() => {
      if (looks < looksBeforeGivingUp) this.#waitForInput(looks + 1);
      else this.#over();
    });
  }
}
