import { Buffer } from "node:buffer";
import {
  largeSendBytesMax,
  largeSendBytesMin,
  sendBytesMax,
  spareLargeSendsMax,
  spareSendBlocksMax,
} from "../limits.ts";

/** Smaller buffers come from Node's own pool, where several share a block. */
const blockBytesMin = Buffer.poolSize >>> 1;

/** Buffers of one size that can be used again. */
interface Shelf {
  readonly bytes: number;
  readonly spareMax: number;
  readonly spare: Buffer[];
}

/**
 * Memory for messages that are sent, used again as soon as the kernel has their bytes. With fresh
 * memory for each write of a flood the garbage collector comes too late, and the server grows by
 * tens of megabytes.
 */
export class SendMemory {
  readonly #blocks: Shelf = { bytes: sendBytesMax, spareMax: spareSendBlocksMax, spare: [] };
  readonly #large: Shelf = { bytes: largeSendBytesMax, spareMax: spareLargeSendsMax, spare: [] };

  take(bytes: number): Buffer {
    if (bytes < blockBytesMin) return Buffer.allocUnsafe(bytes);
    const shelf = bytes <= sendBytesMax ? this.#blocks : this.#large;
    const isKept = shelf === this.#blocks || bytes >= largeSendBytesMin;
    if (!isKept || bytes > shelf.bytes) return Buffer.allocUnsafeSlow(bytes);
    return shelf.spare.pop() ?? Buffer.allocUnsafeSlow(shelf.bytes);
  }

  /** Takes back memory that is not used any more. */
  giveBack(memory: Buffer): void {
    const shelf = [this.#blocks, this.#large].find(({ bytes }) => bytes === memory.length);
    if (shelf && shelf.spare.length < shelf.spareMax) shelf.spare.push(memory);
  }
}
