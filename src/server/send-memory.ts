import { Buffer } from "node:buffer";
import { sendBytesMax, spareSendBlocksMax } from "../limits.ts";

/** What is smaller comes from Node's own pool, in which it shares a block with others. */
const blockBytesMin = Buffer.poolSize >>> 1;

/**
 * Memory for what is sent, used again as soon as the kernel has it: with fresh memory for each read
 * of a flood the collector comes too late, and the server grows by tens of megabytes.
 */
export class SendMemory {
  readonly #spare: Buffer[] = [];

  take(bytes: number): Buffer {
    if (bytes < blockBytesMin) return Buffer.allocUnsafe(bytes);
    if (bytes > sendBytesMax) return Buffer.allocUnsafeSlow(bytes);
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(sendBytesMax);
  }

  /** Nobody may hold on to the memory. */
  giveBack(memory: Buffer): void {
    if (memory.length !== sendBytesMax || this.#spare.length >= spareSendBlocksMax) return;
    this.#spare.push(memory);
  }
}
