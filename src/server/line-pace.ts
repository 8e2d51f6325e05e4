import { sendBytesMax, sendBytesMin, sendMs } from "../limits.ts";

/** Batches taken in time after which more is tried. */
const batchesToTrust = 4;

/** How much may be written to a line at once so that it is busy with that for a moment only. */
export class LinePace {
  #batchBytes = sendBytesMax;
  #inTimeBytes = 0;

  get batchBytes(): number {
    return this.#batchBytes;
  }

  /** What was written has been taken. */
  took(bytes: number, timeMs: number): void {
    if (timeMs > sendMs && bytes * sendMs < this.#batchBytes * timeMs) {
      this.#batchBytes = Math.max(this.#batchBytes / 2, sendBytesMin);
      this.#inTimeBytes = 0;
      return;
    }
    if (this.#batchBytes === sendBytesMax) return;
    this.#inTimeBytes += bytes;
    if (this.#inTimeBytes <= this.#batchBytes * batchesToTrust) return;
    this.#batchBytes = Math.min(this.#batchBytes * 2, sendBytesMax);
    this.#inTimeBytes = 0;
  }
}
