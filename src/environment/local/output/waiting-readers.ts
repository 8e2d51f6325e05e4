import { timerMsMax } from "../../../limits.ts";

interface WaitingReader {
  readonly afterSeq: number;
  wake(): void;
  fail(error: Error): void;
}

/** Long-polling readers of a log: each waits for events after the last number it knows. */
export class WaitingReaders {
  readonly #hasNewsAfter: (seq: number) => boolean;
  readonly #waiting = new Set<WaitingReader>();

  constructor(hasNewsAfter: (seq: number) => boolean) {
    this.#hasNewsAfter = hasNewsAfter;
  }

  /** Resolves when there is news or `waitMs` have passed. */
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

  /** Wakes the readers for which there is news now. */
  wake(): void {
    for (const reader of this.#waiting) {
      if (this.#hasNewsAfter(reader.afterSeq)) reader.wake();
    }
  }

  /** Rejects all waiting readers with this error. */
  reject(error: Error): void {
    for (const reader of this.#waiting) reader.fail(error);
  }
}
