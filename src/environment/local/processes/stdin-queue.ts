import type { Buffer } from "node:buffer";
import { writeIdsRememberedMax } from "../../../limits.ts";
import type { Result } from "../../../protocol/methods.ts";
import { FirstAnswers } from "./first-answers.ts";

type WriteStatus = Result<"process/write">["status"];

/** Takes the bytes. `write` answers false when it is full for now. */
export interface StdinReceiver {
  write(bytes: Buffer): boolean;
  /** Closes a pipe, unless it is closed; sends ^D to a terminal, each time. */
  end(): void;
}

/** After ^C, ^D, a line feed or a carriage return a terminal holds no part of a line. */
const lineEnds: readonly number[] = [3, 4, 10, 13];

interface WaitingWrite {
  readonly bytes: Buffer;
  answer(status: WriteStatus): void;
}

/**
 * The writes to one process, in order. A write is accepted when the receiver has taken it; while
 * the receiver is full writes wait, at the latest until the process ends.
 */
export class StdinQueue {
  readonly #receiver: StdinReceiver;
  readonly #answers = new FirstAnswers<Promise<WriteStatus>>(writeIdsRememberedMax);
  #waiting: WaitingWrite[] = [];
  #receiverIsFull = false;
  #lastByte: number | undefined;
  #state: "open" | "ending" | "closed" = "open";

  constructor(receiver: StdinReceiver) {
    this.#receiver = receiver;
  }

  /** A known id gets the answer of the first write with it, whatever the bytes. */
  write(writeId: string, bytes: Buffer): Promise<WriteStatus> {
    return this.#answers.once(writeId, () => this.#take(bytes));
  }

  /** Ends stdin after the writes before; later ones are answered with `stdinClosed`. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#endWhenEmpty();
  }

  /** The receiver has room again. */
  drained(): void {
    this.#receiverIsFull = false;
    let taken = 0;
    for (const { bytes, answer } of this.#waiting) {
      if (this.#receiverIsFull) break;
      this.#send(bytes);
      answer("accepted");
      taken++;
    }
    this.#waiting = this.#waiting.slice(taken);
    this.#endWhenEmpty();
  }

  /** No process will read stdin any more. */
  close(): void {
    this.#state = "closed";
    for (const { answer } of this.#waiting) answer("stdinClosed");
    this.#waiting = [];
  }

  #take(bytes: Buffer): Promise<WriteStatus> {
    if (this.#state !== "open") return Promise.resolve("stdinClosed");
    if (this.#receiverIsFull) {
      return new Promise((answer) => this.#waiting.push({ bytes, answer }));
    }
    this.#send(bytes);
    return Promise.resolve("accepted");
  }

  /** An empty write has no effect: in particular it does not end the input. */
  #send(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#lastByte = bytes[bytes.length - 1];
    this.#receiverIsFull = !this.#receiver.write(bytes);
  }

  #endWhenEmpty(): void {
    if (this.#state !== "ending" || this.#waiting.length > 0) return;
    this.#state = "closed";
    // Within a line of a terminal, the first ^D only hands the line to the program.
    if (this.#lastByte !== undefined && !lineEnds.includes(this.#lastByte)) this.#receiver.end();
    this.#receiver.end();
  }
}
