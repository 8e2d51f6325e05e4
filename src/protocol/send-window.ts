import { bulkDelayMs, bulkInFlightCharsMin, wayLookDelays } from "../limits.ts";

/** A mark that took less than so many times the way waited hardly for anything in front of it. */
const idleShare = 1.125;
/** So many times what went through then may go next, or more where the way is not long. */
const growth = 1.5;

interface Mark {
  /** All that was sent when it was set. */
  readonly sentChars: number;
  /** What had arrived by then. */
  readonly arrivedChars: number;
  /** Whether nothing was in front of what it is behind. */
  readonly isAlone: boolean;
  readonly setAtMs: number;
}

/**
 * How much of what is large may be on its way: what the line takes in `bulkDelayMs`, so that what
 * is sent behind it waits about as long. It is measured by marks between the messages, of which the
 * other end says that it has come to them. Full buffers of a socket would tell too late: those of
 * the kernels, and of a tunnel on the way, hold megabytes.
 */
export class SendWindow {
  readonly #marks: Mark[] = [];
  readonly #inFlightCharsMin: number;
  #inFlightCharsMax: number;
  #sentChars = 0;
  #arrivedChars = 0;
  /** The way there and back when nothing was in front, as far as is known. */
  #wayMs = Number.POSITIVE_INFINITY;
  /** When that was measured, and what has been allowed to be on its way at most since. */
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  #inFlightCharsMost = 0;
  /** Nothing follows until all has arrived. */
  #isEmptying = false;

  /** So much may be on its way at first, and on a line that is slow. */
  constructor(inFlightCharsMin = bulkInFlightCharsMin) {
    this.#inFlightCharsMin = inFlightCharsMin;
    this.#inFlightCharsMax = inFlightCharsMin;
  }

  /** What may be on its way. */
  get inFlightCharsMax(): number {
    return this.#inFlightCharsMax;
  }

  /** Whether the next message goes alone, and should have a mark although it may be small. */
  get isEmptied(): boolean {
    return this.#isEmptying && this.#inFlightChars === 0;
  }

  get #inFlightChars(): number {
    return this.#sentChars - this.#arrivedChars;
  }

  hasRoom(): boolean {
    const charsMax = this.#isEmptying ? 1 : this.#inFlightCharsMax;
    return this.#inFlightChars < charsMax;
  }

  /** Counts a message that is sent, and gives the number of the mark behind it. */
  send(chars: number, nowMs: number): number {
    const arrivedChars = this.#arrivedChars;
    const isAlone = this.#inFlightChars === 0;
    if (this.isEmptied) this.#goOnSlowly();
    this.#sentChars += chars;
    this.#marks.push({ sentChars: this.#sentChars, arrivedChars, isAlone, setAtMs: nowMs });
    return this.#sentChars;
  }

  /** The line is empty: all that may be on its way would go at once, and wait for itself. */
  #goOnSlowly(): void {
    this.#isEmptying = false;
    this.#inFlightCharsMax = Math.max(this.#inFlightCharsMax / 2, this.#inFlightCharsMin);
  }

  /** The other end has come to this mark, and so to all before it. Ignores what is no mark. */
  arrive(sentChars: number, nowMs: number): void {
    const index = this.#marks.findIndex((mark) => mark.sentChars === sentChars);
    const mark = this.#marks.splice(0, index + 1).at(-1);
    if (!mark) return;
    this.#arrivedChars = sentChars;
    this.#measureWay(mark, nowMs);
    this.#adapt(mark, nowMs);
  }

  #measureWay({ isAlone, setAtMs }: Mark, nowMs: number): void {
    const elapsedMs = nowMs - setAtMs;
    if (isAlone || elapsedMs < this.#wayMs) this.#wayMs = elapsedMs;
    if (!isAlone) return;
    this.#measuredAtMs = nowMs;
    this.#inFlightCharsMost = this.#inFlightCharsMax;
  }

  /** A window that was not full says nothing against its size, unless the mark came late. */
  #adapt({ arrivedChars, setAtMs }: Mark, nowMs: number): void {
    const elapsedMs = nowMs - setAtMs;
    const dueMs = this.#wayMs + bulkDelayMs;
    const chars = this.#arrivedChars - arrivedChars;
    // Without this the window for a way of a second would grow for half a minute.
    const growthMs = elapsedMs < this.#wayMs * idleShare ? elapsedMs * growth : 0;
    const fittingChars = (chars / elapsedMs) * Math.max(dueMs, growthMs);
    if (fittingChars > this.#inFlightCharsMax || elapsedMs > dueMs) {
      this.#inFlightCharsMax = Math.max(fittingChars, this.#inFlightCharsMin);
    }
    this.#inFlightCharsMost = Math.max(this.#inFlightCharsMost, this.#inFlightCharsMax);
    this.#isEmptying ||=
      this.#inFlightCharsMax < this.#inFlightCharsMost / 2 ||
      nowMs - this.#measuredAtMs > dueMs * wayLookDelays;
  }
}
