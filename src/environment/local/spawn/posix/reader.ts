import type { Buffer } from "node:buffer";
import { constants as system } from "node:os";
import type { Libc } from "../../libc/libc.ts";
import { takeReadMemory } from "../start/read-memory.ts";

/** Bounds a batch when a program writes byte by byte. */
const readsPerBatchMax = 32;
/** No pipe holds more than this many batches unless an administrator allowed it. */
const batchesToDrainMax = 16;

/** The memory that all outputs read into, one at a time; receivers copy small reads out of it. */
export class ReadMemory {
  #memory = takeReadMemory();

  get bytes(): Buffer {
    return this.#memory;
  }

  /**
   * Returns the first bytes, which the receiver may keep if they are half of the memory or more.
   */
  take(length: number): Buffer {
    const taken = this.#memory.subarray(0, length);
    if (length * 2 >= this.#memory.length) this.#memory = takeReadMemory();
    return taken;
  }
}

type BatchEnd = "more" | "empty" | "end";

/**
 * Reads a pipe or terminal until its end, which the kernel reports, by 0 for a pipe and by an error
 * for a terminal, only after the last byte.
 */
export class OutputReader {
  readonly #libc: Libc;
  readonly #memory: ReadMemory;
  readonly #fd: number;
  readonly #deliver: (bytes: Buffer) => void;

  constructor(from: {
    libc: Libc;
    memory: ReadMemory;
    fd: number;
    deliver: (bytes: Buffer) => void;
  }) {
    this.#libc = from.libc;
    this.#memory = from.memory;
    this.#fd = from.fd;
    this.#deliver = from.deliver;
  }

  /** Delivers what the kernel has, up to one buffer, if it has anything. */
  readBatch(): BatchEnd {
    const { bytes } = this.#memory;
    let filled = 0;
    let end: BatchEnd = "more";
    for (let reads = 0; reads < readsPerBatchMax && filled < bytes.length; reads++) {
      const room = filled === 0 ? bytes : bytes.subarray(filled);
      const count = this.#libc.read(this.#fd, room, room.length);
      if (count > 0) filled += count;
      else if (count === 0 || this.#libc.errno() !== system.errno.EINTR) {
        end = count < 0 && this.#libc.errno() === system.errno.EAGAIN ? "empty" : "end";
        break;
      }
    }
    if (filled > 0) this.#deliver(this.#memory.take(filled));
    return end;
  }

  /** Delivers what the kernel has, up to `batchesToDrainMax` batches, without waiting. */
  drain(): void {
    for (let batches = 0; batches < batchesToDrainMax; batches++) {
      if (this.readBatch() !== "more") return;
    }
  }
}
