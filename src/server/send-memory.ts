import { Buffer } from "node:buffer";
import {
  largeSendBytesMax,
  largeSendBytesMin,
  sendBytesMax,
  spareLargeSendsMax,
  spareSendBlocksMax,
} from "../limits.ts";

/** What is smaller comes from Node's own pool, in which it shares a block with others. */
const blockBytesMin = Buffer.poolSize >>> 1;

/** Pieces of one size. */
interface Shelf {
  readonly bytes: number;
  readonly spareMax: number;
  readonly spare: Buffer[];
}

/**
 * Memory for what is sent, used again as soon as the kernel has it: with fresh memory for each read
 * of a flood the collector comes too late, and the server grows by tens of megabytes.
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

  /** Nobody may hold on to the memory. */
  giveBack(memory: Buffer): void {
    const shelf = [this.#blocks, this.#large].find(({ bytes }) => bytes === memory.length);
    if (shelf && shelf.spare.length < shelf.spareMax) shelf.spare.push(memory);
  }
}
