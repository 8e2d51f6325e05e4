import { earlyEventBytesMax, gapReadBytesMax, gapReadBytesMin } from "../../limits.ts";
import type { Emit, EventParams, Params, ProcessEvent, Result } from "../../protocol/methods.ts";

type Page = Result<"process/read">;

/** Bytes of base64 text when decoded. */
const rawBytes = (base64: string) => Buffer.byteLength(base64, "base64");

/**
 * Raw bytes that came before a page and that neither its reader nor the executor has: everything
 * that is dropped is older than what is retained.
 */
export const lostBytesBefore = (page: Page, bytesSeen: number) =>
  Math.max(0, (page.droppedBytes ?? 0) - bytesSeen);

interface EventSequenceOptions {
  readonly processId: string;
  readonly read: (params: Params<"process/read">) => Promise<Page>;
  /** Whether the executor pushes what a read leaves, so that one is enough. */
  readonly pushesRest: () => boolean;
  /** Gets every event once, in the order of their numbers. */
  readonly emit: Emit<ProcessEvent>;
  /**
   * Output that the executor retains no longer, told before the next event: at least so many bytes.
   */
  readonly onLost: (bytes: number) => void;
  /** What is missing could not be learned; `recover` may try again. */
  readonly onFailed: (error: Error) => void;
}

interface EarlyEvent {
  readonly bytes: number;
  readonly give: () => void;
}

/**
 * The events of one process in the order of their numbers, each once. They come numbered from 1,
 * but some are missing after a broken connection, and a busy executor of the reference swaps
 * neighbours. An event ahead of its turn waits, and what is missing is asked for by `process/read`,
 * page by page where the executor does not push what a page leaves.
 */
export class EventSequence {
  readonly #options: EventSequenceOptions;
  readonly #early = new Map<number, EarlyEvent>();
  #earlyBytes = 0;
  /** Events came that there was no room for; the last of them. */
  #ignoredSome = false;
  #ignoredSeq = 0;
  #lastSeq = 0;
  #bytesSeen = 0;
  #hasExited = false;
  #hasClosed = false;
  /** The newest page that tells how the process ended. */
  #exitPage: Page | undefined;
  #filling: Promise<void> | undefined;
  /** Grows while pages come through; a bad connection must at least bring a small one. */
  #pageBytes = gapReadBytesMin;

  constructor(options: EventSequenceOptions) {
    this.#options = options;
  }

  /** Whether something that was pushed is not here, or may not be, and has to come once more. */
  get isBehind(): boolean {
    return this.#filling !== undefined || this.#lastSeq < this.#ignoredSeq;
  }

  /** Takes in an event that was pushed. */
  accept<E extends ProcessEvent>(event: E, params: EventParams<E>): void {
    const { seq } = params;
    if (seq <= this.#lastSeq || this.#hasClosed) return;
    if (seq === this.#lastSeq + 1 && !this.#filling) {
      this.#give(event, params);
      this.#giveEarly();
    } else {
      this.#keepEarly(event, params);
      void this.fill();
    }
  }

  /** There is a new connection, which lacks what was pushed or asked for over the old one. */
  recover(): void {
    this.#pageBytes = gapReadBytesMin;
    void this.fill();
  }

  /** Asks for what is missing; done when there is nothing more to ask for. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  async #fill(): Promise<void> {
    try {
      while (!this.#hasClosed && (await this.#readOn())) {
        // Every page brings the sequence on.
      }
    } catch (error) {
      this.#options.onFailed(error as Error);
    }
  }

  /** Reads one page; false when it was the last. */
  async #readOn(): Promise<boolean> {
    const { processId, pushesRest } = this.#options;
    const request = { processId, afterSeq: this.#lastSeq, maxBytes: this.#pageBytes, waitMs: 0 };
    if (pushesRest()) {
      this.#takeIn(await this.#page({ ...request, pushRest: true }));
      return false;
    }
    this.#ignoredSome = false;
    const before = this.#lastSeq;
    const page = await this.#page(request);
    this.#pageBytes = Math.min(this.#pageBytes * 2, gapReadBytesMax);
    for (const chunk of page.chunks) this.#absorb(page, { ...chunk, processId });
    if (page.chunks.length === 0) this.#giveRest(page);
    this.#giveEarly();
    if (this.#lastSeq === before) this.#skipToEarly();
    return page.chunks.length > 0 || this.#early.size > 0 || this.#ignoredSome;
  }

  async #page(request: Params<"process/read">): Promise<Page> {
    const page = await this.#options.read(request);
    if (page.exited) this.#exitPage = page;
    return page;
  }

  /** A page behind which the rest is pushed. */
  #takeIn(page: Page): void {
    const { processId } = this.#options;
    for (const chunk of page.chunks) this.#absorb(page, { ...chunk, processId });
    this.#giveRest(page);
    this.#giveEarly();
  }

  #absorb(page: Page, chunk: EventParams<"process/output">): void {
    this.#giveEarly();
    if (chunk.seq <= this.#lastSeq) return;
    const lost = lostBytesBefore(page, this.#bytesSeen);
    const missing = chunk.seq - 1 - this.#lastSeq;
    if (missing === 1 && lost === 0 && page.exited && !this.#hasExited) this.#giveExit(page);
    else this.#skipTo(chunk.seq - 1, lost);
    this.#give("process/output", chunk);
  }

  /** There is no more output: what is missing before the next number is the exit and the end. */
  #giveRest(page: Page): void {
    const lastSeq = page.nextSeq - 1;
    this.#giveEarly();
    if (page.exited && !this.#hasExited) this.#giveExit(page);
    this.#giveEarly();
    if (page.closed && !this.#hasClosed) {
      this.#skipTo(lastSeq - 1, lostBytesBefore(page, this.#bytesSeen));
      this.#give("process/closed", { processId: this.#options.processId, seq: lastSeq });
    } else {
      this.#skipTo(lastSeq, lostBytesBefore(page, this.#bytesSeen));
    }
  }

  /** The exit may have been among what is lost: its number never goes beyond the page. */
  #giveExit({ nextSeq, exitCode, sandboxDenied }: Page): void {
    const { processId } = this.#options;
    const seq = Math.min(this.#lastSeq + 1, nextSeq - 1);
    this.#give("process/exited", { processId, seq, exitCode: exitCode ?? -1, sandboxDenied });
  }

  /** An executor that knows less than it has told would be asked for ever. */
  #skipToEarly(): void {
    if (this.#early.size === 0) return;
    this.#skipTo(Math.min(...this.#early.keys()) - 1, 0);
    this.#giveEarly();
  }

  /** An executor that does not count what it drops has lost a byte a chunk at the least. */
  #skipTo(seq: number, lostBytes: number): void {
    if (seq <= this.#lastSeq) return;
    const bytes = Math.max(lostBytes, seq - this.#lastSeq);
    this.#lastSeq = seq;
    this.#bytesSeen += bytes;
    this.#options.onLost(bytes);
  }

  #give<E extends ProcessEvent>(event: E, params: EventParams<E>): void {
    // The exit may be among what is lost, and nobody would hear of it behind the end.
    if (event === "process/closed" && !this.#hasExited && this.#exitPage) {
      this.#giveExit(this.#exitPage);
    }
    this.#lastSeq = params.seq;
    if ("chunk" in params) this.#bytesSeen += rawBytes(params.chunk);
    if (event === "process/exited") this.#hasExited = true;
    if (event === "process/closed") this.#hasClosed = true;
    this.#options.emit(event, params);
  }

  #keepEarly<E extends ProcessEvent>(event: E, params: EventParams<E>): void {
    const bytes = "chunk" in params ? params.chunk.length : 0;
    if (this.#earlyBytes + bytes > earlyEventBytesMax) {
      this.#ignoredSome = true;
      this.#ignoredSeq = Math.max(this.#ignoredSeq, params.seq);
    } else if (!this.#early.has(params.seq)) {
      this.#earlyBytes += bytes;
      this.#early.set(params.seq, { bytes, give: () => this.#give(event, params) });
    }
  }

  /** Gives the events whose turn has come, and forgets those whose turn is over. */
  #giveEarly(): void {
    for (;;) {
      const event = this.#takeEarly(this.#lastSeq + 1);
      if (!event) break;
      event.give();
    }
    for (const seq of this.#early.keys()) if (seq <= this.#lastSeq) this.#takeEarly(seq);
  }

  #takeEarly(seq: number): EarlyEvent | undefined {
    const event = this.#early.get(seq);
    this.#early.delete(seq);
    this.#earlyBytes -= event?.bytes ?? 0;
    return event;
  }
}
