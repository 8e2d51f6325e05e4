import { Buffer } from "node:buffer";
import { claimedFrameBytesMax, frameMemoryBytes, spareFramesMax } from "../../limits.ts";

/** Buffers of earlier frames, used again: getting new pages takes longer than filling them. */
const spare: Buffer[] = [];
let claimedBytes = 0;

/** A buffer for a frame that has begun to arrive; undefined when too many have. */
export function claimFrame(bytes: number): Buffer | undefined {
  if (claimedBytes + bytes > claimedFrameBytesMax) return undefined;
  claimedBytes += bytes;
  if (bytes > frameMemoryBytes) return Buffer.allocUnsafeSlow(bytes);
  return (spare.pop() ?? Buffer.allocUnsafeSlow(frameMemoryBytes)).subarray(0, bytes);
}

/** Ends the claim of a frame that has arrived whole, or never will. Its memory may live on. */
export function endClaim(frame: Buffer): void {
  claimedBytes -= frame.length;
}

/** Takes back a frame's buffer, which must not be used any more. Other buffers are ignored. */
export function giveBackFrame(frame: Buffer): void {
  const isOurs = frame.buffer.byteLength === frameMemoryBytes;
  if (isOurs && spare.length < spareFramesMax) spare.push(Buffer.from(frame.buffer));
}
