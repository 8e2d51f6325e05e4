import type { Buffer } from "node:buffer";
import type { WebSocket } from "ws";
import type { Receipts } from "../../environment/local/output/receipts.ts";
import { receiptIntervalBytes, unansweredReceiptsMax } from "../../limits.ts";
import type { ArrivalWindow } from "./arrival-window.ts";

/** Most bytes of a ping: its header, a question's number, a space and a mark. */
export const receiptPingBytesMax = 2 + 16 + 1 + 16;

/** First byte of a ping in one frame. */
const finalPing = 0x89;

/** The payload of an answer. A client may also send pongs of its own with any payload. */
const numberAndMark = /^(\d+) (\d+)$/;

/**
 * Asks the client how far it has come, by pings between the messages: a WebSocket answers a ping
 * when it has read everything before it. A TCP acknowledgement would only tell of its kernel.
 *
 * The number of unanswered questions is bounded; after that, the next question stands for all
 * messages sent since the last one.
 *
 * A ping carries the number of the newest question and the newest mark of the arrival window. When
 * the window wants a mark and no question is due, the ping repeats the newest question. So a client
 * that answers only the newest of several pings, as it may, confirms both.
 */
export class ReceiptPings implements Receipts {
  asked = 0;
  answered = 0;
  /** Number of the newest question that is answered, or whose answer is not expected any more. */
  #settled = 0;
  /** Number of the newest question before the ping without a number, while that is unanswered. */
  #unnumberedBehind: number | undefined;
  /** Bytes since the last question. */
  #unaskedBytes = 0;
  /** Bytes since the last mark. */
  #unmarkedBytes = 0;
  #mark = 0;
  readonly #window: ArrivalWindow;

  constructor(webSocket: WebSocket, window: ArrivalWindow) {
    this.#window = window;
    webSocket.on("pong", (payload: Buffer) => this.#onPong(payload.toString("latin1")));
  }

  /**
   * Writes a ping behind the messages that end at `end`, if one is due, and returns the new end. No
   * question is asked unless these are the last messages: its answer would confirm waiting ones.
   */
  writeBehind(memory: Buffer, end: number, isLast = true): number {
    this.#unaskedBytes += end;
    this.#unmarkedBytes += end;
    if (this.#unaskedBytes >= receiptIntervalBytes && isLast) return this.#ask(memory, end);
    return this.#isMarkDue ? this.#writePing(memory, end) : end;
  }

  get #isMarkDue(): boolean {
    return this.#unmarkedBytes >= this.#window.markBytes && this.#window.wantsMarks;
  }

  #ask(memory: Buffer, end: number): number {
    if (this.asked - this.#settled >= unansweredReceiptsMax) return this.#askAgain(memory, end);
    this.#unaskedBytes = 0;
    this.asked++;
    return this.#writePing(memory, end);
  }

  #writePing(memory: Buffer, end: number): number {
    if (this.#isMarkDue) {
      this.#mark = this.#window.mark(this.#unmarkedBytes);
      this.#unmarkedBytes = 0;
    }
    return writePing(memory, end, `${this.asked} ${this.#mark}`);
  }

  /**
   * A client that has dropped events, which it will read again later, answers no numbered ping, so
   * as not to confirm them. It does answer one without a number, which tells that all questions
   * before it have arrived, and that new ones may be asked.
   */
  #askAgain(memory: Buffer, end: number): number {
    if (this.#unnumberedBehind !== undefined) return end;
    this.#unnumberedBehind = this.asked;
    return writePing(memory, end, "");
  }

  /** One answer may stand for several questions. */
  #onPong(payload: string): void {
    if (payload === "") this.#settle(this.#unnumberedBehind ?? 0);
    const parts = numberAndMark.exec(payload);
    if (!parts) return;
    this.#window.arrive(Number(parts[2]));
    const number = Number(parts[1]);
    if (number <= this.answered || number > this.asked) return;
    this.answered = number;
    this.#settle(number);
  }

  /**
   * Heartbeats have no number either. Mistaking an answer to one of them for an answer to our ping
   * lets at most `unansweredReceiptsMax` more questions be asked.
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
