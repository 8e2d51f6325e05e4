import { Buffer } from "node:buffer";

/** A process that says one word costs no more than this. */
const slabBytesMin = 256;
/** Small pieces share slabs of up to this size; what is larger than half of it stands alone. */
const slabBytesMax = 8192;

/**
 * Gives bytes of one process a place where they may stay for long. What came in a buffer of about
 * its own size stays there. A small part of a big buffer would keep all of it alive, so it is
 * copied into a slab with other small parts: a buffer for each would cost a hundred times a single
 * byte, and Node's own pool would tie them to strangers' bytes.
 */
export class ByteKeeper {
  #slab = Buffer.alloc(0);
  #used = 0;

  keep(bytes: Buffer): Buffer {
    if (bytes.length * 2 <= slabBytesMax) return this.#copyIntoSlab(bytes);
    return bytes.length * 2 >= bytes.buffer.byteLength ? bytes : copyAlone(bytes);
  }

  #copyIntoSlab(bytes: Buffer): Buffer {
    if (this.#used + bytes.length > this.#slab.length) this.#openSlab(bytes.length);
    const start = this.#used;
    this.#used += bytes.copy(this.#slab, start);
    return this.#slab.subarray(start, this.#used);
  }

  #openSlab(bytesNeeded: number): void {
    const grown = Math.min(slabBytesMax, Math.max(slabBytesMin, this.#slab.length * 2));
    this.#slab = Buffer.allocUnsafeSlow(Math.max(grown, bytesNeeded));
    this.#used = 0;
  }
}

function copyAlone(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
