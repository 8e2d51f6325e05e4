import { Buffer } from "node:buffer";
import type { EventParams, Params, Result } from "../../protocol/methods.ts";
import { ByteKeeper } from "./byte-keeper.ts";
import { type Chunk, ChunkWindow } from "./chunk-window.ts";
import { LogPart } from "./log-part.ts";
import { defaultBounds, type OutputLogBounds } from "./output-log-bounds.ts";
import { OutputSpill } from "./output-spill.ts";
import type { OutputStream } from "./spawn/spawner.ts";
import type { SpillStore } from "./spill-store.ts";
import { WaitingReaders } from "./waiting-readers.ts";

type Page = Omit<Params<"process/read">, "processId">;
type Answer = Omit<Result<"process/read">, "failure">;

/** How a process ended, as clients are told. */
export type Ending = Omit<EventParams<"process/exited">, "processId" | "seq">;

/** What happened to a process: output, its exit, or the end of everything. */
export type LogEvent =
  | ({ readonly kind: "output" } & Chunk)
  | ({ readonly kind: "exited"; readonly seq: number } & Ending)
  | { readonly kind: "closed"; readonly seq: number };

export interface OutputLogOptions {
  readonly bounds?: Partial<OutputLogBounds> | undefined;
  /** Where output goes that leaves memory; without one it is dropped. */
  readonly spill?: SpillStore | undefined;
  /** The disk has caught up after `isBehind` was true. */
  readonly onRoom?: (() => void) | undefined;
}

/**
 * What one process has said so far: numbers its output, its exit and its closing in one count from
 * 1, keeps its output, the newest in memory and older on disk, and answers readers, who may wait
 * for more. A reader is registered in the same turn in which it was found that there is nothing for
 * it, so no wake-up can slip between.
 */
export class OutputLog {
  readonly #bounds: OutputLogBounds;
  readonly #options: OutputLogOptions;
  readonly #window: ChunkWindow;
  readonly #keeper = new ByteKeeper();
  readonly #readers = new WaitingReaders((seq) => this.#hasNewsAfter(seq));
  #spill: OutputSpill | undefined;
  #isReceived = true;
  #nextSeq = 1;
  #droppedBytes = 0;
  #exit: Extract<LogEvent, { kind: "exited" }> | undefined;
  #closing: Extract<LogEvent, { kind: "closed" }> | undefined;

  constructor(options: OutputLogOptions = {}) {
    this.#options = options;
    this.#bounds = { ...defaultBounds, ...options.bounds };
    this.#window = new ChunkWindow(this.#bounds);
  }

  /** The number the next event will have. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Null until the exit has been entered. */
  get exitCode(): number | null {
    return this.#exit?.exitCode ?? null;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Whether too much waits for the disk: whoever produces output should stop for a while. */
  get isBehind(): boolean {
    return this.#spill?.isBehind ?? false;
  }

  /** Whether somebody receives the output as it comes, or the log alone has it. True at first. */
  setReceived(isReceived: boolean): void {
    if (isReceived === this.#isReceived) return;
    this.#isReceived = isReceived;
    this.#spill?.setReceived(isReceived);
  }

  /** Cuts what was read from a stream into chunks and enters them. */
  append(stream: OutputStream, bytes: Buffer): Chunk[] {
    const kept = this.#keeper.keep(bytes);
    const chunks: Chunk[] = [];
    const { chunkBytesMax } = this.#bounds;
    for (let start = 0; start < kept.length; start += chunkBytesMax) {
      const part = kept.subarray(start, start + chunkBytesMax);
      const chunk = { seq: this.#nextSeq++, stream, bytes: part };
      chunks.push(chunk);
      this.#retain(chunk);
    }
    this.#readers.wake();
    return chunks;
  }

  /** Enters the end of the process itself. */
  exit(ending: Ending): LogEvent {
    this.#exit = { kind: "exited", seq: this.#nextSeq++, ...ending };
    this.#readers.wake();
    return this.#exit;
  }

  /** Enters the end of everything. */
  close(): LogEvent {
    this.#closing = { kind: "closed", seq: this.#nextSeq++ };
    this.#readers.wake();
    this.#options.spill?.closedLogs.add(this);
    return this.#closing;
  }

  get memoryBytes(): number {
    return this.#window.bytes;
  }

  /** To be called when nothing more will come. */
  leaveMemory(): void {
    this.setReceived(false);
    for (const chunk of this.#window.drain()) this.#store(chunk);
    this.#spill?.finish();
  }

  /** Waits up to `waitMs` until there is something to read. */
  async news({ afterSeq, waitMs }: Pick<Page, "afterSeq" | "waitMs">): Promise<void> {
    const after = afterSeq ?? 0;
    if (waitMs && !this.#hasNewsAfter(after)) await this.#readers.newsAfter(after, waitMs);
  }

  /** Gives what is retained, after waiting up to `waitMs` for some when there is none. */
  async read({ afterSeq, maxBytes, waitMs }: Page): Promise<Answer> {
    const after = afterSeq ?? 0;
    if (waitMs) await this.news({ afterSeq, waitMs });
    const { answerBytesMax, answerChunksMax } = this.#bounds;
    const bytesMax = Math.min(maxBytes ?? answerBytesMax, answerBytesMax);
    const part = new LogPart(after, { bytesMax, chunksMax: answerChunksMax });
    const kind = maxBytes == null ? "whole" : "page";
    return this.#filled(part, () => this.#answer(part, kind));
  }

  /** The oldest retained events after `seq`, at most about `bytesMax` of them; none at the end. */
  async eventsAfter(seq: number, bytesMax: number): Promise<LogEvent[]> {
    const part = new LogPart(seq, { bytesMax, chunksMax: this.#bounds.answerChunksMax });
    return this.#filled(part, () => this.#eventsOf(part));
  }

  /** All output that is retained, one char per byte, streams in the order in which they came. */
  retainedText(): string {
    return Buffer.concat(Array.from(this.#window.after(0), ({ bytes }) => bytes)).toString(
      "latin1",
    );
  }

  /** Ends all waiting with this error: who waited is not there any more. */
  rejectReaders(error: Error): void {
    this.#readers.reject(error);
  }

  /** Frees what is on disk. Nobody will read any more. */
  async dispose(): Promise<void> {
    this.#options.spill?.closedLogs.delete(this);
    await this.#spill?.close();
  }

  /** The one place where chunks leave memory. */
  #retain(chunk: Chunk): void {
    for (const old of this.#window.push(chunk)) this.#store(old);
  }

  #store(chunk: Chunk): void {
    this.#spill ??= this.#openSpill();
    if (this.#spill) this.#spill.push(chunk);
    else this.#droppedBytes += chunk.bytes.length;
  }

  #openSpill(): OutputSpill | undefined {
    const { spill, onRoom = () => {} } = this.#options;
    return spill && new OutputSpill(spill, this.#isReceived, onRoom);
  }

  /** An exit is news until it has been read, a closing for ever: nothing else will come. */
  #hasNewsAfter(seq: number): boolean {
    if (this.#window.lastSeq > seq || this.closed) return true;
    return this.#exit !== undefined && seq < this.#nextSeq - 1;
  }

  /**
   * Without `maxBytes` clients read once and then trust in events. When the answer cannot hold all,
   * it is one of the moment after its last chunk: what came later has not happened yet.
   */
  #answer({ chunks, isCut }: LogPart, kind: "whole" | "page"): Answer {
    const last = chunks.at(-1);
    const nextSeq = last && (isCut || kind === "page") ? last.seq + 1 : this.#nextSeq;
    const known = isCut && kind === "whole" ? nextSeq : this.#nextSeq;
    const exit = this.#exit && this.#exit.seq < known ? this.#exit : undefined;
    return {
      chunks: chunks.map(encoded),
      nextSeq,
      exited: exit !== undefined,
      exitCode: exit?.exitCode ?? null,
      closed: this.#closing !== undefined && this.#closing.seq < known,
      sandboxDenied: exit?.sandboxDenied ?? false,
      ...(exit?.reason && { reason: exit.reason }),
      droppedBytes: this.#droppedBytes + (this.#spill?.droppedBytes ?? 0),
    };
  }

  #eventsOf({ afterSeq, chunks, lastSeq, isCut }: LogPart): LogEvent[] {
    const untilSeq = isCut ? lastSeq : this.#nextSeq;
    const events = chunks.map((chunk): LogEvent => ({ kind: "output", ...chunk }));
    for (const end of [this.#exit, this.#closing]) {
      if (end && end.seq > afterSeq && end.seq < untilSeq) events.push(end);
    }
    return events.sort((one, two) => one.seq - two.seq);
  }

  /**
   * Fills a part, from disk and then from memory, and uses it in the turn in which memory was
   * looked at: nothing happens between.
   */
  async #filled<T>(part: LogPart, use: () => T): Promise<T> {
    while (!part.isCut && this.#spill && this.#spill.lastSeq > part.lastSeq) {
      part.take(await this.#spill.after(part.lastSeq));
    }
    if (!part.isCut) part.take(this.#window.after(part.lastSeq));
    return use();
  }
}

/** A chunk as the wire has it. */
export function encoded({ seq, stream, bytes }: Chunk) {
  return { seq, stream, chunk: bytes.toString("base64") };
}
