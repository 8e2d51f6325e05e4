import { Buffer } from "node:buffer";
import { outputReadBytesMax, spareReadBlocksMax } from "../../../../limits.ts";

/**
 * Blocks that output was read into and that are no longer in use. They are reused at once: retained
 * output lives too long for the quick collector and dies too fast for the thorough one, which left
 * tens of megabytes of dead blocks in a flood.
 */
const spare: Buffer[] = [];

export function takeReadMemory(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(outputReadBytesMax);
}

/** Gives back a block that nothing refers to any more. Other sizes are left to the collector. */
export function giveBackReadMemory(memory: ArrayBufferLike): void {
  if (memory.byteLength !== outputReadBytesMax || spare.length >= spareReadBlocksMax) return;
  spare.push(Buffer.from(memory));
}
