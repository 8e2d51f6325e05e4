import { Buffer } from "node:buffer";
import { outputReadBytesMax } from "../../limits.ts";
import { takeReadMemory } from "./spawn/read-memory.ts";

/** A process that says one word costs no more than this. */
const slabBytesMin = 256;
/** Slabs of a process that says little grow up to this size. */
const slabBytesMax = 8192;
const nothing = Buffer.alloc(0);

/**
 * Gives bytes of one process a place where they may stay for long. What came in a buffer of about
 * its own size stays there. A small part of a big buffer would keep all of it alive, so it is
 * copied into a slab with other small parts: a buffer for each would cost a hundred times a single
 * byte, and a flood of them tens of megabytes until they are collected. So the slabs of whoever
 * says much are blocks that are used again.
 */
export class ByteKeeper {
  #slab: Buffer = nothing;
  #used = 0;
  #copiedBytes = 0;

  /** The bytes in their places; where there is more than one, they are cut between chunks. */
  keep(bytes: Buffer, chunkBytes: number): Buffer[] {
    if (bytes.length === 0) return [];
    if (bytes.length * 2 >= bytes.buffer.byteLength) {
      // Nothing newer may stand before it in a slab: slabs end in the order in which they began.
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
