import type { Buffer } from "node:buffer";
import type { EventParams, Params, Result } from "../../../protocol/methods.ts";
import type { OutputStream } from "../spawn/start/spawner.ts";
import { ByteKeeper } from "./byte-keeper.ts";
import { LogPart } from "./log-part.ts";
import { defaultBounds, type OutputLogBounds } from "./output-log-bounds.ts";
import { type Chunk, OutputRun } from "./output-run.ts";
import { RetainedOutput, type RetainedOutputOptions } from "./retained-output.ts";
import { WaitingReaders } from "./waiting-readers.ts";

type Page = Omit<Params<"process/read">, "processId">;
type Answer = Result<"process/read">;

/** How a process ended, as in the protocol. */
export type Ending = Omit<EventParams<"process/exited">, "processId" | "seq">;

/** The exit or the closing of a process. */
export type EndEvent =
  | ({ readonly kind: "exited"; readonly seq: number } & Ending)
  | { readonly kind: "closed"; readonly seq: number };

/** An event of a process. */
export type LogEvent = Chunk | EndEvent;

export interface OutputLogOptions extends RetainedOutputOptions {
  readonly bounds?: Partial<OutputLogBounds> | undefined;
}

/**
 * The events of one process: numbers chunks of output, exit and closing in one sequence from 1,
 * retains the output, and answers readers, which may long-poll for more. A reader is registered in
 * the same turn that found nothing for it, so that no wake-up is missed.
 */
export class OutputLog {
  readonly #bounds: OutputLogBounds;
  readonly #options: OutputLogOptions;
  readonly #retained: RetainedOutput;
  readonly #keeper = new ByteKeeper();
  readonly #readers = new WaitingReaders((seq) => this.#hasNewsAfter(seq));
  #nextSeq = 1;
  #exit: Extract<EndEvent, { kind: "exited" }> | undefined;
  #closing: Extract<EndEvent, { kind: "closed" }> | undefined;
  #isDisposed = false;

  constructor(options: OutputLogOptions = {}) {
    this.#options = options;
    this.#bounds = { ...defaultBounds, ...options.bounds };
    this.#retained = new RetainedOutput(this.#bounds, options);
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

  /** Whether too much waits for the disk, so that the process should be paused. */
  get isBehind(): boolean {
    return this.#retained.isBehind;
  }

  /** Whether a client receives the output as it comes, or only the log has it. True at first. */
  setReceived(isReceived: boolean): void {
    this.#retained.setReceived(isReceived);
  }

  /**
   * Cuts bytes of a stream into chunks and appends them. Everything before counts as sent. `bytes`
   * is kept when it fills at least half of its memory; otherwise that memory may be used again.
   */
  append(stream: OutputStream, bytes: Buffer): OutputRun[] {
    const { chunkBytesMax } = this.#bounds;
    this.#retained.sentUpTo(this.#nextSeq - 1);
    const runs: OutputRun[] = [];
    for (const kept of this.#keeper.keep(bytes, chunkBytesMax)) {
      const run = new OutputRun({ firstSeq: this.#nextSeq, stream, bytes: kept }, chunkBytesMax);
      this.#nextSeq += run.count;
      this.#retained.enter(run);
      runs.push(run);
    }
    this.#readers.wake();
    return runs;
  }

  /** Enters the exit of the process. */
  exit(ending: Ending): EndEvent {
    this.#exit = { kind: "exited", seq: this.#nextSeq++, ...ending };
    this.#readers.wake();
    return this.#exit;
  }

  /** Enters the closing: the process has exited, and its streams have ended. */
  close(): EndEvent {
    this.#closing = { kind: "closed", seq: this.#nextSeq++ };
    this.#readers.wake();
    // A killed process may end after its session has been closed and this log disposed.
    if (!this.#isDisposed) this.#options.spill?.closedLogs.add(this);
    return this.#closing;
  }

  get memoryBytes(): number {
    return this.#retained.memoryBytes;
  }

  /** Moves the output from memory to disk. To be called after the closing. */
  leaveMemory(): void {
    this.#retained.leaveMemory();
  }

  /** Settles when there is something to read, or after `waitMs`. */
  async news({ afterSeq, waitMs }: Pick<Page, "afterSeq" | "waitMs">): Promise<void> {
    const after = afterSeq ?? 0;
    if (waitMs && !this.#hasNewsAfter(after)) await this.#readers.newsAfter(after, waitMs);
  }

  /** Answers with retained output; waits up to `waitMs` when there is none. */
  async read({ afterSeq, maxBytes, waitMs, pushRest }: Page): Promise<Answer> {
    const after = afterSeq ?? 0;
    if (waitMs) await this.news({ afterSeq, waitMs });
    const { answerBytesMax, answerChunksMax } = this.#bounds;
    const bytesMax = Math.min(maxBytes ?? answerBytesMax, answerBytesMax);
    const part = new LogPart(after, { bytesMax, chunksMax: answerChunksMax });
    const kind = maxBytes == null || pushRest ? "whole" : "page";
    return this.#retained.filled(part, () => this.#answer(part, kind));
  }

  /** The oldest retained events after `seq`, at most about `bytesMax` of them; none at the end. */
  async eventsAfter(seq: number, bytesMax: number): Promise<LogEvent[]> {
    const part = new LogPart(seq, { bytesMax, chunksMax: this.#bounds.answerChunksMax });
    return this.#retained.filled(part, () => this.#eventsOf(part));
  }

  /** All output that is retained, one char per byte, streams in the order in which they came. */
  retainedText(): string {
    return this.#retained.text();
  }

  /** Rejects all waiting readers with this error: their client is gone. */
  rejectReaders(error: Error): void {
    this.#readers.reject(error);
  }

  /** Frees all output. To be called when no client will read it any more. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    this.#options.spill?.closedLogs.delete(this);
    await this.#retained.dispose();
  }

  /** An exit is news until it has been read. A closing is always news, as nothing follows it. */
  #hasNewsAfter(seq: number): boolean {
    if (this.#retained.lastSeq > seq || this.closed) return true;
    return this.#exit !== undefined && seq < this.#nextSeq - 1;
  }

  /**
   * Without `maxBytes`, or with `pushRest`, a client reads once and then relies on events. An
   * answer to it that cannot hold everything describes the state right after its last chunk: later
   * chunks, exit and closing are left to events.
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
      failure: exit?.failure ?? null,
      sandboxDenied: exit?.sandboxDenied ?? false,
      ...(exit?.reason && { reason: exit.reason }),
      droppedBytes: this.#retained.droppedBytes,
    };
  }

  #eventsOf({ afterSeq, chunks, lastSeq, isCut }: LogPart): LogEvent[] {
    const untilSeq = isCut ? lastSeq : this.#nextSeq;
    const events: LogEvent[] = [...chunks];
    for (const end of [this.#exit, this.#closing]) {
      if (end && end.seq > afterSeq && end.seq < untilSeq) events.push(end);
    }
    return events.sort((one, two) => one.seq - two.seq);
  }
}

/** A chunk as in answers. */
function encoded({ seq, stream, bytes }: Chunk) {
  return { seq, stream, chunk: bytes.toString("base64") };
}
