import { Buffer } from "node:buffer";
import { claimedFrameBytesMax, frameMemoryBytes, spareFramesMax } from "../limits.ts";

/** Memory of frames that were used: getting new pages for each takes longer than filling them. */
const spare: Buffer[] = [];
let claimedBytes = 0;

/** Room for a frame that has begun to arrive; undefined when too many claim more than they send. */
export function claimFrame(bytes: number): Buffer | undefined {
  if (claimedBytes + bytes > claimedFrameBytesMax) return undefined;
  claimedBytes += bytes;
  if (bytes > frameMemoryBytes) return Buffer.allocUnsafeSlow(bytes);
  return (spare.pop() ?? Buffer.allocUnsafeSlow(frameMemoryBytes)).subarray(0, bytes);
}

/** The frame has arrived, or never will. */
export function endClaim(frame: Buffer): void {
  claimedBytes -= frame.length;
}

/** Nobody may hold on to what was in it. What is no memory of a frame is left alone. */
export function giveBackFrame(frame: Buffer): void {
  const isOurs = frame.buffer.byteLength === frameMemoryBytes;
  if (isOurs && spare.length < spareFramesMax) spare.push(Buffer.from(frame.buffer));
}
