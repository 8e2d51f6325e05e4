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

  /** `bytes` cut into pieces of at most `pieceBytesMax`, in their places. */
  keep(bytes: Buffer, pieceBytesMax: number): Buffer[] {
    const mayStay = bytes.length * 2 >= bytes.buffer.byteLength;
    // Nothing newer may stand before it in a slab: slabs end in the order in which they began.
    if (mayStay) this.#slab = nothing;
    const pieces: Buffer[] = [];
    for (let start = 0; start < bytes.length; start += pieceBytesMax) {
      const piece = bytes.subarray(start, start + pieceBytesMax);
      pieces.push(mayStay ? piece : this.#copyIntoSlab(piece));
    }
    return pieces;
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
