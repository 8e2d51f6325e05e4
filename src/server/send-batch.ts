import type { Buffer } from "node:buffer";
import { sendBytesMax } from "../limits.ts";
import { type Frame, writeFrame } from "../protocol/frame.ts";
import { writeHeader } from "./frame-header.ts";
import { receiptPingBytesMax } from "./receipt-pings.ts";
import { SendMemory } from "./send-memory.ts";

/** One message that waits. */
export interface Message {
  readonly frame: Frame;
  readonly lane: string;
  /** Bytes that it takes at most, with its header. */
  readonly length: number;
  /** One that is large is written as soon as it waits. */
  readonly batch?: Batch;
}

/** Whole frames, one behind the other, in memory with room for a ping behind them. */
export interface Batch {
  readonly memory: Buffer;
  readonly end: number;
}

/** All connections share it: memory is out of it only until the kernel has what is in it. */
const sendMemory = new SendMemory();

const writtenFrame: Frame = { length: 0, parts: [] };

/** What may wait for long: memory for much is there now, or whoever sends it learns of that. */
export function storable(message: Message): Message {
  const { lane, length } = message;
  if (length <= sendBytesMax) return message;
  return { frame: writtenFrame, lane, length, batch: batchOf([message]) };
}

export function batchOf(messages: readonly Message[]): Batch {
  let bytes = receiptPingBytesMax;
  for (const { length } of messages) bytes += length;
  const memory = sendMemory.take(bytes);
  let end = 0;
  for (const { frame } of messages) {
    end = writeFrame(frame, memory, writeHeader(memory, end, frame.length));
  }
  return { memory, end };
}

/** Of a batch that the kernel has. */
export const giveBack = (memory: Buffer) => sendMemory.giveBack(memory);
