import { sendBytesMax, sendBytesMin, sendMs } from "../limits.ts";

/** Batches taken in time after which more is tried. */
const batchesToTrust = 4;

/** How much may be given to a line at once so that it is busy with that for a moment only. */
export class LinePace {
  readonly #onChange: (batchBytes: number) => void;
  #batchBytes = sendBytesMax;
  #inTimeBytes = 0;

  /** Tells how much, at once and whenever it changes. */
  constructor(onChange: (batchBytes: number) => void) {
    this.#onChange = onChange;
    onChange(this.#batchBytes);
  }

  get batchBytes(): number {
    return this.#batchBytes;
  }

  /** What was written has been taken. */
  took(bytes: number, timeMs: number): void {
    if (timeMs > sendMs && bytes * sendMs < this.#batchBytes * timeMs) {
      this.#change(this.#batchBytes / 2);
    } else if (this.#batchBytes < sendBytesMax) {
      this.#inTimeBytes += bytes;
      if (this.#inTimeBytes > this.#batchBytes * batchesToTrust) this.#change(this.#batchBytes * 2);
    }
  }

  #change(bytes: number): void {
    this.#inTimeBytes = 0;
    const batchBytes = Math.min(Math.max(bytes, sendBytesMin), sendBytesMax);
    if (batchBytes === this.#batchBytes) return;
    this.#batchBytes = batchBytes;
    this.#onChange(batchBytes);
  }
}
