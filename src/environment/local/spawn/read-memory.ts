import { Buffer } from "node:buffer";
import { outputReadBytesMax, spareReadBlocksMax } from "../../../limits.ts";

/**
 * Blocks of memory that output was read into and that nobody looks at any more. They are used again
 * at once: what is retained lives too long for the quick collector and dies too fast for the
 * thorough one, which left tens of megabytes of dead blocks in a flood.
 */
const spare: Buffer[] = [];

export function takeReadMemory(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(outputReadBytesMax);
}

/** Nobody may look at the memory any more. What is of another size is left to the collector. */
export function giveBackReadMemory(memory: ArrayBufferLike): void {
  if (memory.byteLength !== outputReadBytesMax || spare.length >= spareReadBlocksMax) return;
  spare.push(Buffer.from(memory));
}
