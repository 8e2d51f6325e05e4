import type { Buffer } from "node:buffer";
import type { WebSocket } from "ws";
import type { Receipts } from "../environment/local/receipts.ts";
import { receiptIntervalBytes, unansweredReceiptsMax } from "../limits.ts";
import type { ArrivalWindow } from "./arrival-window.ts";

/** Bytes that a ping takes at most: its header, a number and a mark. */
export const receiptPingBytesMax = 2 + 16 + 1 + 16;

/** A whole frame, and it is a ping. */
const finalPing = 0x89;

/** What a client answers; it may also say what it was not asked. */
const numberAndMark = /^(\d+) (\d+)$/;

/**
 * Asks the other end how far it has come: by pings between the messages, which a WebSocket answers
 * when it has taken in what came before. An acknowledgement of TCP would tell only of its kernel.
 *
 * Only so many are asked ahead of the answers: the next one then asks for all that was sent since.
 *
 * Behind its number each has the last mark of the window of what is on its way. Where that wants
 * more marks than there are questions, a ping repeats the last question. A client may answer only
 * the newest of some pings, and so confirms both.
 */
export class ReceiptPings implements Receipts {
  asked = 0;
  answered = 0;
  /** The last question to which no answer is expected any more. */
  #settled = 0;
  /** The last question before one without a number, while that one is unanswered. */
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
   * Writes a ping behind the messages that end at `end`, if it is time, and gives the new end. Not
   * while older messages than these wait, or the answer would stand for them as well.
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
    const parts = numberAndMark.exec(payload);
    if (!parts) return;
    this.#window.arrive(Number(parts[2]));
    const number = Number(parts[1]);
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
