import type { Buffer } from "node:buffer";
import { sendBytesMax } from "../../limits.ts";
import { type Frame, writeFrame } from "../../protocol/frame.ts";
import { writeHeader } from "./frame-header.ts";
import { receiptPingBytesMax } from "./receipt-pings.ts";
import { takeSendMemory } from "./send-memory.ts";

/** One message that waits. */
export interface Message {
  readonly frame: Frame;
  readonly lane: string;
  /** Most bytes of its frame, with the header. */
  readonly length: number;
  /** A large message is put into its own batch as soon as it has to wait. */
  readonly batch?: Batch;
}

/** Frames, one behind the other, in memory that has room for a receipt ping behind them. */
export interface Batch {
  readonly memory: Buffer;
  readonly end: number;
}

const writtenFrame: Frame = { length: 0, parts: [] };

/**
 * The form in which a message may wait for long. A large one gets its memory now, so that its
 * sender still hears when there is none.
 */
export function storable(message: Message): Message {
  const { lane, length } = message;
  if (length <= sendBytesMax) return message;
  return { frame: writtenFrame, lane, length, batch: batchOf([message]) };
}

export function batchOf(messages: readonly Message[]): Batch {
  let bytes = receiptPingBytesMax;
  for (const { length } of messages) bytes += length;
  const memory = takeSendMemory(bytes);
  let end = 0;
  for (const { frame } of messages) {
    end = writeFrame(frame, memory, writeHeader(memory, end, frame.length));
  }
  return { memory, end };
}
