import { freedMemoryMs } from "../../../limits.ts";
import type { Libc } from "./posix-libc.ts";

/**
 * Gives memory that is free again back to the system. glibc keeps what lies below the last piece in
 * use: without this, ten minutes of mixed load left twice the memory that was in use.
 */
export class FreedMemory {
  readonly #libc: Libc;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * To be told when a process has ended: what else was done around it is over before long. As long
   * as something was to be had there may be more, for the collector frees buffers late.
   */
  returnSoon(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => this.#returnNow(), freedMemoryMs).unref();
  }

  #returnNow(): void {
    this.#timer = undefined;
    this.#libc.malloc_trim?.((hasReturnedSome) => {
      if (hasReturnedSome) this.returnSoon();
    });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
