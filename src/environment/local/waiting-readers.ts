import { timerMsMax } from "../../limits.ts";

interface WaitingReader {
  readonly afterSeq: number;
  wake(): void;
  fail(error: Error): void;
}

/** Readers of a log that wait for something after the last number they know. */
export class WaitingReaders {
  readonly #hasNewsAfter: (seq: number) => boolean;
  readonly #waiting = new Set<WaitingReader>();

  constructor(hasNewsAfter: (seq: number) => boolean) {
    this.#hasNewsAfter = hasNewsAfter;
  }

  /** Resolves when there is news or the time is over. */
  newsAfter(afterSeq: number, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(reader);
        how();
      };
      const reader: WaitingReader = {
        afterSeq,
        wake: () => settle(resolve),
        fail: (error) => settle(() => reject(error)),
      };
      const timer = setTimeout(reader.wake, Math.min(waitMs, timerMsMax));
      this.#waiting.add(reader);
    });
  }

  /** Lets those go on for whom there is news now. */
  wake(): void {
    for (const reader of this.#waiting) {
      if (this.#hasNewsAfter(reader.afterSeq)) reader.wake();
    }
  }

  /** Ends all waiting with this error. */
  reject(error: Error): void {
    for (const reader of this.#waiting) reader.fail(error);
  }
}
