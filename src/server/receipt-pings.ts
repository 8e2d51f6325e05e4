import type { Buffer } from "node:buffer";
import type { WebSocket } from "ws";
import type { Receipts } from "../environment/local/receipts.ts";
import { receiptIntervalBytes } from "../limits.ts";

/** Bytes that a ping takes at most: its header and a number. */
export const receiptPingBytesMax = 2 + 16;

/** A whole frame, and it is a ping. */
const finalPing = 0x89;

/**
 * Asks the other end how far it has come: by pings between the messages, which a WebSocket answers
 * when it has taken in what came before. An acknowledgement of TCP would tell only of its kernel.
 */
export class ReceiptPings implements Receipts {
  asked = 0;
  answered = 0;
  #sentBytes = 0;

  constructor(webSocket: WebSocket) {
    webSocket.on("pong", (payload: Buffer) => this.#onPong(Number(payload.toString("latin1"))));
  }

  /** Writes a ping behind the messages that end at `end`, if it is time, and gives the new end. */
  writeBehind(memory: Buffer, end: number): number {
    this.#sentBytes += end;
    if (this.#sentBytes < receiptIntervalBytes) return end;
    this.#sentBytes = 0;
    const number = `${++this.asked}`;
    const at = memory.writeUInt8(number.length, memory.writeUInt8(finalPing, end));
    return at + memory.write(number, at, "latin1");
  }

  /** One answer may stand for several questions. Those of the keepalive have no number. */
  #onPong(number: number): void {
    if (number > this.answered && number <= this.asked) this.answered = number;
  }
}
