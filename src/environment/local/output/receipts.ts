import { receiptMarksMax } from "../../../limits.ts";

/**
 * How far the receiver of events is known to have come. It is asked from time to time between the
 * events, and an answer proves that all events before that question have arrived.
 */
export interface Receipts {
  /** The number of questions so far. */
  readonly asked: number;
  /** The number of the last question that was answered. */
  readonly answered: number;
}

interface Mark {
  /** Questions that were asked before the events; the next one follows them. */
  readonly asked: number;
  lastSeq: number;
}

/** Which events of one process have arrived at their receiver. */
export class ConfirmedEvents {
  readonly #receipts: () => Receipts | undefined;
  /** Oldest first. */
  #marks: Mark[] = [];
  #lastSeq = 0;

  /** Without `receipts`, or while there are none, nothing is ever confirmed. */
  constructor(receipts: () => Receipts | undefined = () => undefined) {
    this.#receipts = receipts;
  }

  /** Whether the receiver answers questions at all, so that it is worth waiting for an answer. */
  get isAnswered(): boolean {
    return (this.#receipts()?.answered ?? 0) > 0;
  }

  /** All events up to this number are known to have arrived. */
  get lastSeq(): number {
    const answered = this.#receipts()?.answered ?? 0;
    for (let mark = this.#marks[0]; mark && mark.asked < answered; mark = this.#marks[0]) {
      this.#lastSeq = mark.lastSeq;
      this.#marks.shift();
    }
    return this.#lastSeq;
  }

  /** Everything up to this number has been sent by now. */
  sent(lastSeq: number): void {
    const receipts = this.#receipts();
    if (receipts === undefined) return;
    const newest = this.#marks.at(-1);
    if (newest?.asked === receipts.asked) newest.lastSeq = lastSeq;
    else this.#marks.push({ asked: receipts.asked, lastSeq });
    // Without this mark, the answer to a later question confirms its events.
    if (this.#marks.length > receiptMarksMax) this.#marks.shift();
  }

  /** The receiver is gone: what it has not confirmed is not known to have arrived. */
  forget(): void {
    this.#marks = [];
  }
}
