import { bulkDelayMs, bulkInFlightCharsMin, wayLookDelays } from "../limits.ts";

/** A mark that took less than this multiple of the round trip hardly waited behind anything. */
const idleShare = 1.125;
/** Factor by which the window may grow after such a mark. */
const growth = 1.5;

interface Mark {
  /** Total sent when the mark was set. */
  readonly sentChars: number;
  /** Total known to have arrived by then. */
  readonly arrivedChars: number;
  /** Whether its message was sent on an empty line. */
  readonly isAlone: boolean;
  readonly setAtMs: number;
}

/**
 * Limits the bulk data in flight to what the line transfers in `bulkDelayMs`, so that a message
 * sent after it waits about as long. Measured by marks between messages, which the other end
 * confirms. Full socket buffers would tell too late: those of the kernels, and of a tunnel between,
 * hold megabytes.
 */
export class SendWindow {
  readonly #marks: Mark[] = [];
  readonly #inFlightCharsMin: number;
  #inFlightCharsMax: number;
  #sentChars = 0;
  #arrivedChars = 0;
  /** The round trip on an empty line, as far as known. */
  #wayMs = Number.POSITIVE_INFINITY;
  /** When the round trip was measured, and the largest window since. */
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  #inFlightCharsMost = 0;
  /** Nothing more is sent until everything has arrived, to measure the round trip again. */
  #isEmptying = false;

  /** `inFlightCharsMin` is the window at the start, and on a slow line. */
  constructor(inFlightCharsMin = bulkInFlightCharsMin) {
    this.#inFlightCharsMin = inFlightCharsMin;
    this.#inFlightCharsMax = inFlightCharsMin;
  }

  /** The present window. */
  get inFlightCharsMax(): number {
    return this.#inFlightCharsMax;
  }

  /** Whether the next message goes alone, and so should have a mark even if it is small. */
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

  /** Counts a sent message, and returns the number of the mark after it. */
  send(chars: number, nowMs: number): number {
    const arrivedChars = this.#arrivedChars;
    const isAlone = this.#inFlightChars === 0;
    if (this.isEmptied) this.#goOnSlowly();
    this.#sentChars += chars;
    this.#marks.push({ sentChars: this.#sentChars, arrivedChars, isAlone, setAtMs: nowMs });
    return this.#sentChars;
  }

  /** Halves the window: on the empty line all of it would be sent at once, and wait for itself. */
  #goOnSlowly(): void {
    this.#isEmptying = false;
    this.#inFlightCharsMax = Math.max(this.#inFlightCharsMax / 2, this.#inFlightCharsMin);
  }

  /** The other end has received everything up to this mark. Unknown marks are ignored. */
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

  /**
   * Adapts the window to the measured rate. It shrinks only for a late mark: a slow rate of a
   * window that was not full means nothing.
   */
  #adapt({ arrivedChars, setAtMs }: Mark, nowMs: number): void {
    const elapsedMs = nowMs - setAtMs;
    const dueMs = this.#wayMs + bulkDelayMs;
    const chars = this.#arrivedChars - arrivedChars;
    // Without this the window for a round trip of a second would take half a minute to grow.
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
