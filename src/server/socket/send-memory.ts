import { Buffer } from "node:buffer";
import {
  largeSendBytesMax,
  largeSendBytesMin,
  sendBytesMax,
  spareLargeSendsMax,
  spareSendBlocksMax,
} from "../../limits.ts";

/** Smaller buffers come from Node's own pool, where several share a block. */
const blockBytesMin = Buffer.poolSize >>> 1;

/** Buffers of one size that can be used again. */
interface Shelf {
  readonly bytes: number;
  readonly spareMax: number;
  readonly spare: Buffer[];
}

const blocks: Shelf = { bytes: sendBytesMax, spareMax: spareSendBlocksMax, spare: [] };
const large: Shelf = { bytes: largeSendBytesMax, spareMax: spareLargeSendsMax, spare: [] };

/**
 * Memory for messages that are sent, used again as soon as the kernel has their bytes; so all
 * connections share it. With fresh memory for each write of a flood the garbage collector comes too
 * late, and the server grows by tens of megabytes.
 */
export function takeSendMemory(bytes: number): Buffer {
  if (bytes < blockBytesMin) return Buffer.allocUnsafe(bytes);
  const shelf = bytes <= sendBytesMax ? blocks : large;
  const isKept = shelf === blocks || bytes >= largeSendBytesMin;
  if (!isKept || bytes > shelf.bytes) return Buffer.allocUnsafeSlow(bytes);
  return shelf.spare.pop() ?? Buffer.allocUnsafeSlow(shelf.bytes);
}

/** Takes back memory whose bytes the kernel has. */
export function giveBackSendMemory(memory: Buffer): void {
  const shelf = [blocks, large].find(({ bytes }) => bytes === memory.length);
  if (shelf && shelf.spare.length < shelf.spareMax) shelf.spare.push(memory);
}
