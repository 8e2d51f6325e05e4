import { Buffer } from "node:buffer";
import { outputReadBytesMax } from "../../../limits.ts";
import { takeReadMemory } from "../spawn/start/read-memory.ts";

/** The first slab of a process, which is all that a single word costs. */
const slabBytesMin = 256;
/** Slabs of a process with little output grow up to this size. */
const slabBytesMax = 8192;
const nothing = Buffer.alloc(0);

/**
 * Moves output of one process to memory in which it may stay for long. Output that fills at least
 * half of its buffer stays there. A small part of a big buffer would keep all of that alive, so it
 * is copied into a slab with other small parts: a buffer for each would cost a hundred times a
 * single byte, and a flood of them tens of megabytes until they are collected. After much output
 * slabs are blocks that are reused.
 */
export class ByteKeeper {
  #slab: Buffer = nothing;
  #used = 0;
  #copiedBytes = 0;

  /** Returns the bytes in their new memory; several parts are cut between chunks. */
  keep(bytes: Buffer, chunkBytes: number): Buffer[] {
    if (bytes.length === 0) return [];
    if (bytes.length * 2 >= bytes.buffer.byteLength) {
      // No newer output may be copied before it: slabs are freed in the order of their chunks.
      this.#slab = nothing;
      this.#used = 0;
      return [bytes];
    }
    const room = this.#slab.length - this.#used;
    const fitting = room >= bytes.length ? bytes.length : room - (room % chunkBytes);
    const head = fitting > 0 ? [this.#copyIntoSlab(bytes.subarray(0, fitting))] : [];
    if (fitting === bytes.length) return head;
    return [...head, this.#copyIntoSlab(bytes.subarray(fitting))];
  }

  #copyIntoSlab(bytes: Buffer): Buffer {
    if (this.#used + bytes.length > this.#slab.length) this.#openSlab(bytes.length);
    const start = this.#used;
    this.#used += bytes.copy(this.#slab, start);
    this.#copiedBytes += bytes.length;
    return this.#slab.subarray(start, this.#used);
  }

  #openSlab(bytesNeeded: number): void {
    const isFlood = this.#copiedBytes > outputReadBytesMax;
    const grown = Math.min(slabBytesMax, Math.max(slabBytesMin, this.#slab.length * 2));
    this.#slab = isFlood ? takeReadMemory() : Buffer.allocUnsafeSlow(Math.max(grown, bytesNeeded));
    this.#used = 0;
  }
}
