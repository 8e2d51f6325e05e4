import { kernelUnsentBytesMax, kernelUnsentBytesMin, sendBytesMax, sendMs } from "../../limits.ts";

/** The number of consecutive full allowances that must leave in time before the line gets more. */
const timesToTrust = 4;

/** Adapts how many bytes are given to a line at once, so that they leave within `sendMs`. */
export class LinePace {
  readonly #onChange: (bytes: number) => void;
  #bytes = kernelUnsentBytesMax;
  #inTimeBytes = 0;

  /** `onChange` is called with the kernel's share, in bytes: at once, and whenever it changes. */
  constructor(onChange: (bytes: number) => void) {
    this.#onChange = onChange;
    onChange(this.#bytes);
  }

  /** Bytes that may be written at once. */
  get batchBytes(): number {
    return Math.min(this.#bytes, sendBytesMax);
  }

  /** To be called when the kernel has taken a write of `bytes`, after `timeMs`. */
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
