import { bulkDelayMs, bulkInFlightCharsMin } from "../limits.ts";

interface Mark {
  /** All that was sent when it was set. */
  readonly sentChars: number;
  /** What had arrived by then. */
  readonly arrivedChars: number;
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
  #quickestMs = Number.POSITIVE_INFINITY;

  /** So much may be on its way at first, and on a line that is slow. */
  constructor(inFlightCharsMin = bulkInFlightCharsMin) {
    this.#inFlightCharsMin = inFlightCharsMin;
    this.#inFlightCharsMax = inFlightCharsMin;
  }

  /** What may be on its way. */
  get inFlightCharsMax(): number {
    return this.#inFlightCharsMax;
  }

  hasRoom(): boolean {
    return this.#sentChars - this.#arrivedChars < this.#inFlightCharsMax;
  }

  /** Counts a message that is sent, and gives the number of the mark behind it. */
  send(chars: number, nowMs: number): number {
    const arrivedChars = this.#arrivedChars;
    this.#sentChars += chars;
    this.#marks.push({ sentChars: this.#sentChars, arrivedChars, setAtMs: nowMs });
    return this.#sentChars;
  }

  /** The other end has come to this mark, and so to all before it. Ignores what is no mark. */
  arrive(sentChars: number, nowMs: number): void {
    const index = this.#marks.findIndex((mark) => mark.sentChars === sentChars);
    const mark = this.#marks.splice(0, index + 1).at(-1);
    if (!mark) return;
    this.#arrivedChars = sentChars;
    this.#adapt(mark, nowMs - mark.setAtMs);
  }

  /** A window that was not full says nothing against its size, unless the mark came late. */
  #adapt({ arrivedChars }: Mark, elapsedMs: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, elapsedMs);
    const dueMs = this.#quickestMs + bulkDelayMs;
    const fittingChars = ((this.#arrivedChars - arrivedChars) / elapsedMs) * dueMs;
    if (fittingChars > this.#inFlightCharsMax || elapsedMs > dueMs) {
      this.#inFlightCharsMax = Math.max(fittingChars, this.#inFlightCharsMin);
    }
  }
}
