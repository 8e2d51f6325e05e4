import { earlyEventBytesMax, gapReadBytesMax, gapReadBytesMin } from "../../limits.ts";
import type { Emit, EventParams, Params, ProcessEvent, Result } from "../../protocol/methods.ts";

type Page = Result<"process/read">;

/** Decoded length of base64 text, in bytes. */
const rawBytes = (base64: string) => Buffer.byteLength(base64, "base64");

/**
 * Bytes of output before a page that neither reader nor executor has: everything dropped is older
 * than what is retained.
 */
export const lostBytesBefore = (page: Page, bytesSeen: number) =>
  Math.max(0, (page.droppedBytes ?? 0) - bytesSeen);

interface EventSequenceOptions {
  readonly processId: string;
  readonly read: (params: Params<"process/read">) => Promise<Page>;
  /** Whether the executor pushes the events that follow a read, so that one read is enough. */
  readonly pushesRest: () => boolean;
  /** Gets every event once, in order. */
  readonly emit: Emit<ProcessEvent>;
  /** Called before the next event when at least so many bytes of output are no longer retained. */
  readonly onLost: (bytes: number) => void;
  /** Called when missing events could not be read; `recover` may try again. */
  readonly onFailed: (error: Error) => void;
}

interface EarlyEvent {
  readonly bytes: number;
  readonly emit: () => void;
}

/**
 * Puts the events of one process in order, each once. They are numbered from 1, but some are
 * missing after a broken connection, and a busy executor of the reference swaps neighbours. An
 * event ahead of its turn waits, and missing ones are requested by `process/read`, page by page if
 * the executor does not push what follows a page.
 */
export class EventSequence {
  readonly #options: EventSequenceOptions;
  readonly #early = new Map<number, EarlyEvent>();
  #earlyBytes = 0;
  /** Whether events came for which there was no room, and the number of the last of them. */
  #ignoredSome = false;
  #ignoredSeq = 0;
  #lastSeq = 0;
  #bytesSeen = 0;
  #hasExited = false;
  #hasClosed = false;
  /** The newest page that says that the process has exited. */
  #exitPage: Page | undefined;
  #filling: Promise<void> | undefined;
  /** Doubles with every page, so that a bad connection has to carry only a small one at first. */
  #pageBytes = gapReadBytesMin;

  constructor(options: EventSequenceOptions) {
    this.#options = options;
  }

  /** Whether events that were pushed are missing, or may be, and have to be requested. */
  get isBehind(): boolean {
    return this.#filling !== undefined || this.#lastSeq < this.#ignoredSeq;
  }

  /** Takes an event that was pushed. */
  accept<E extends ProcessEvent>(event: E, params: EventParams<E>): void {
    const { seq } = params;
    if (seq <= this.#lastSeq || this.#hasClosed) return;
    if (seq === this.#lastSeq + 1 && !this.#filling) {
      this.#emit(event, params);
      this.#emitEarly();
    } else {
      this.#keepEarly(event, params);
      void this.fill();
    }
  }

  /** To be called on a new connection: requests what was pushed or requested over the old one. */
  recover(): void {
    this.#pageBytes = gapReadBytesMin;
    void this.fill();
  }

  /** Requests missing events; settles when there are no more to request. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  async #fill(): Promise<void> {
    try {
      while (!this.#hasClosed && (await this.#readOn())) {
        // Every page advances the sequence.
      }
    } catch (error) {
      this.#options.onFailed(error as Error);
    }
  }

  /** Reads one page; false when it is the last to request. */
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
    if (page.chunks.length === 0) this.#emitRest(page);
    this.#emitEarly();
    if (this.#lastSeq === before) this.#skipToEarly();
    return page.chunks.length > 0 || this.#early.size > 0 || this.#ignoredSome;
  }

  async #page(request: Params<"process/read">): Promise<Page> {
    const page = await this.#options.read(request);
    if (page.exited) this.#exitPage = page;
    return page;
  }

  /** Takes a page after which the executor pushes the rest. */
  #takeIn(page: Page): void {
    const { processId } = this.#options;
    for (const chunk of page.chunks) this.#absorb(page, { ...chunk, processId });
    this.#emitRest(page);
    this.#emitEarly();
  }

  #absorb(page: Page, chunk: EventParams<"process/output">): void {
    this.#emitEarly();
    if (chunk.seq <= this.#lastSeq) return;
    const lost = lostBytesBefore(page, this.#bytesSeen);
    const missing = chunk.seq - 1 - this.#lastSeq;
    if (missing === 1 && lost === 0 && page.exited && !this.#hasExited) this.#emitExit(page);
    else this.#skipTo(chunk.seq - 1, lost);
    this.#emit("process/output", chunk);
  }

  /**
   * Ends a page without further output: the numbers missing before `nextSeq` are the exit and the
   * closing.
   */
  #emitRest(page: Page): void {
    const lastSeq = page.nextSeq - 1;
    this.#emitEarly();
    if (page.exited && !this.#hasExited) this.#emitExit(page);
    this.#emitEarly();
    if (page.closed && !this.#hasClosed) {
      this.#skipTo(lastSeq - 1, lostBytesBefore(page, this.#bytesSeen));
      this.#emit("process/closed", { processId: this.#options.processId, seq: lastSeq });
    } else {
      this.#skipTo(lastSeq, lostBytesBefore(page, this.#bytesSeen));
    }
  }

  /** Emits the exit. Its own number may be lost, so it gets the next one within the page. */
  #emitExit({ nextSeq, exitCode, sandboxDenied, failure }: Page): void {
    const { processId } = this.#options;
    const seq = Math.min(this.#lastSeq + 1, nextSeq - 1);
    const told = failure === null ? {} : { failure };
    const exit = { exitCode: exitCode ?? -1, sandboxDenied, ...told };
    this.#emit("process/exited", { processId, seq, ...exit });
  }

  /** Otherwise an executor that knows less than it has pushed would be asked for ever. */
  #skipToEarly(): void {
    if (this.#early.size === 0) return;
    this.#skipTo(Math.min(...this.#early.keys()) - 1, 0);
    this.#emitEarly();
  }

  /**
   * Counts at least one lost byte per missing number, for executors that do not count what they
   * drop.
   */
  #skipTo(seq: number, lostBytes: number): void {
    if (seq <= this.#lastSeq) return;
    const bytes = Math.max(lostBytes, seq - this.#lastSeq);
    this.#lastSeq = seq;
    this.#bytesSeen += bytes;
    this.#options.onLost(bytes);
  }

  #emit<E extends ProcessEvent>(event: E, params: EventParams<E>): void {
    // If the exit itself was lost, it is emitted now: after `process/closed` it would be ignored.
    if (event === "process/closed" && !this.#hasExited && this.#exitPage) {
      this.#emitExit(this.#exitPage);
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
      this.#early.set(params.seq, { bytes, emit: () => this.#emit(event, params) });
    }
  }

  /** Emits the early events whose turn has come, and drops those whose turn is over. */
  #emitEarly(): void {
    for (;;) {
      const event = this.#takeEarly(this.#lastSeq + 1);
      if (!event) break;
      event.emit();
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
