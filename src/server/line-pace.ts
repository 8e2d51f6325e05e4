import { kernelUnsentBytesMax, kernelUnsentBytesMin, sendBytesMax, sendMs } from "../limits.ts";

/** So many times what a line is given has to be taken in time before it is given more. */
const timesToTrust = 4;

/** How much may be given to a line so that it is busy with that for a moment only. */
export class LinePace {
  readonly #onChange: (bytes: number) => void;
  #bytes = kernelUnsentBytesMax;
  #inTimeBytes = 0;

  /** Tells how much the kernel may take ahead of the line, at once and whenever it changes. */
  constructor(onChange: (bytes: number) => void) {
    this.#onChange = onChange;
    onChange(this.#bytes);
  }

  /** How much may be written to it at once. */
  get batchBytes(): number {
    return Math.min(this.#bytes, sendBytesMax);
  }

  /** What was written has been taken. */
  took(bytes: number, timeMs: number): void {
    if (timeMs > sendMs && bytes * sendMs < this.#bytes * timeMs) {
      this.#change(this.#bytes / 4);
    } else if (this.#bytes < kernelUnsentBytesMax) {
      this.#inTimeBytes += bytes;
      if (this.#inTimeBytes > this.#bytes * timesToTrust) this.#change(this.#bytes * 2);
    }
  }

  #change(wanted: number): void {
    this.#inTimeBytes = 0;
    const bytes = Math.min(Math.max(wanted, kernelUnsentBytesMin), kernelUnsentBytesMax);
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#onChange(bytes);
  }
}
