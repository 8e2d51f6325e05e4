import type { Buffer } from "node:buffer";
import type { WebSocket } from "ws";
import type { Receipts } from "../environment/local/receipts.ts";
import { receiptIntervalBytes, unansweredReceiptsMax } from "../limits.ts";

/** Bytes that a ping takes at most: its header and a number. */
export const receiptPingBytesMax = 2 + 16;

/** A whole frame, and it is a ping. */
const finalPing = 0x89;

/**
 * Asks the other end how far it has come: by pings between the messages, which a WebSocket answers
 * when it has taken in what came before. An acknowledgement of TCP would tell only of its kernel.
 *
 * Only so many are asked ahead of the answers: the next one then asks for all that was sent since.
 */
export class ReceiptPings implements Receipts {
  asked = 0;
  answered = 0;
  /** The last question to which no answer is expected any more. */
  #settled = 0;
  /** The last question before one without a number, while that one is unanswered. */
  #unnumberedBehind: number | undefined;
  #sentBytes = 0;

  constructor(webSocket: WebSocket) {
    webSocket.on("pong", (payload: Buffer) => this.#onPong(payload.toString("latin1")));
  }

  /**
   * Writes a ping behind the messages that end at `end`, if it is time, and gives the new end. Not
   * while older messages than these wait, or the answer would stand for them as well.
   */
  writeBehind(memory: Buffer, end: number, isLast = true): number {
    this.#sentBytes += end;
    if (this.#sentBytes < receiptIntervalBytes || !isLast) return end;
    if (this.asked - this.#settled >= unansweredReceiptsMax) return this.#askAgain(memory, end);
    this.#sentBytes = 0;
    return writePing(memory, end, `${++this.asked}`);
  }

  /**
   * Who has come so far and still cannot confirm it, because it let events go that it will ask for
   * later, answers no ping with a number, but one without: then nothing before that is under way.
   */
  #askAgain(memory: Buffer, end: number): number {
    if (this.#unnumberedBehind !== undefined) return end;
    this.#unnumberedBehind = this.asked;
    return writePing(memory, end, "");
  }

  /** One answer may stand for several questions. */
  #onPong(payload: string): void {
    if (payload === "") this.#settle(this.#unnumberedBehind ?? 0);
    const number = Number(payload);
    if (number <= this.answered || number > this.asked) return;
    this.answered = number;
    this.#settle(number);
  }

  /**
   * The keepalive's pings have no number either. An answer to one of them, taken for one to ours,
   * allows at most as many questions once more.
   */
  #settle(number: number): void {
    this.#settled = Math.max(this.#settled, number);
    if (this.#settled >= (this.#unnumberedBehind ?? 0)) this.#unnumberedBehind = undefined;
  }
}

function writePing(memory: Buffer, start: number, payload: string): number {
  const at = memory.writeUInt8(payload.length, memory.writeUInt8(finalPing, start));
  return at + memory.write(payload, at, "latin1");
}
