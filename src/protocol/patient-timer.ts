import { looksBeforeGivingUp, standstillMsMin } from "../limits.ts";

/**
 * Tells that something has not come in time. Where the whole program stood still (a paused
 * container, a machine that had no processor for it) timers are due before anything is read that
 * came meanwhile. So it is looked at what has come before it is told, and a timer that is late
 * because nobody was there begins anew.
 */
export class PatientTimer {
  readonly #limitMs: number;
  readonly #over: () => void;
  readonly #beginningsMax: number;
  readonly #timer: NodeJS.Timeout;
  #look: NodeJS.Immediate | undefined;
  #beginnings = 0;
  #dueAtMs = 0;

  constructor(limitMs: number, over: () => void, beginningsMax = 2) {
    this.#limitMs = limitMs;
    this.#over = over;
    this.#beginningsMax = beginningsMax;
    this.#timer = setTimeout(() => this.#onDue(), limitMs);
    this.#begin();
  }

  /** Its time begins now, also when it was over. */
  refresh(): void {
    clearImmediate(this.#look);
    this.#timer.refresh();
    this.#beginnings = 0;
    this.#begin();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
  }

  /** The program may end before. */
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
      this.#lookOnce(1);
    }
  }

  #lookOnce(looks: number): void {
    this.#look = setImmediate(() => {
      if (looks < looksBeforeGivingUp) this.#lookOnce(looks + 1);
      else this.#over();
    });
  }
}
