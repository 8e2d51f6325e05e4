import { Buffer } from "node:buffer";
import {
  outputChunkBytesMax,
  retainedOutputBytesMax,
  retainedOutputChunksMax,
  timerMsMax,
} from "../../limits.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import { ByteKeeper } from "./byte-keeper.ts";
import { type Chunk, ChunkWindow } from "./chunk-window.ts";
import type { OutputStream } from "./spawn/spawner.ts";

export interface OutputLogBounds {
  readonly chunkBytesMax: number;
  readonly bytesMax: number;
  readonly chunksMax: number;
}

const defaultBounds: OutputLogBounds = {
  chunkBytesMax: outputChunkBytesMax,
  bytesMax: retainedOutputBytesMax,
  chunksMax: retainedOutputChunksMax,
};

type Page = Omit<Params<"process/read">, "processId">;
type Answer = Omit<Result<"process/read">, "failure" | "sandboxDenied">;

/** A reader that waits for something after `afterSeq`. */
interface WaitingReader {
  readonly afterSeq: number;
  wake(): void;
  fail(error: Error): void;
}

/**
 * What one process has said so far: numbers its output, its exit and its closing in one count from
 * 1, keeps the newest output, and answers readers, who may wait for more. A reader is registered in
 * the same turn in which it was found that there is nothing for it, so no wake-up can slip between.
 */
export class OutputLog {
  readonly #chunkBytesMax: number;
  readonly #window: ChunkWindow;
  readonly #keeper = new ByteKeeper();
  readonly #waiting = new Set<WaitingReader>();
  #nextSeq = 1;
  #droppedBytes = 0;
  #exitCode: number | null = null;
  #closed = false;

  constructor(changed: Partial<OutputLogBounds> = {}) {
    const bounds = { ...defaultBounds, ...changed };
    this.#chunkBytesMax = bounds.chunkBytesMax;
    this.#window = new ChunkWindow(bounds);
  }

  /** The number the next event will have. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Null until the exit has been entered. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Cuts what was read from a stream into chunks and enters them. */
  append(stream: OutputStream, bytes: Buffer): Chunk[] {
    const kept = this.#keeper.keep(bytes);
    const chunks: Chunk[] = [];
    for (let start = 0; start < kept.length; start += this.#chunkBytesMax) {
      const part = kept.subarray(start, start + this.#chunkBytesMax);
      const chunk = { seq: this.#nextSeq++, stream, bytes: part };
      chunks.push(chunk);
      this.#retain(chunk);
    }
    this.#wakeReaders();
    return chunks;
  }

  /** Enters the exit and gives its number. */
  exit(exitCode: number): number {
    this.#exitCode = exitCode;
    return this.#enterEvent();
  }

  /** Enters the end of everything and gives its number. */
  close(): number {
    this.#closed = true;
    return this.#enterEvent();
  }

  /** Gives what is retained, after waiting up to `waitMs` for some when there is none. */
  async read({ afterSeq, maxBytes, waitMs }: Page): Promise<Answer> {
    const after = afterSeq ?? 0;
    if (waitMs && !this.#hasNewsAfter(after)) await this.#newsAfter(after, waitMs);
    return this.#answer(after, maxBytes ?? undefined);
  }

  /** All output that is retained, one char per byte, streams in the order in which they came. */
  retainedText(): string {
    return Buffer.concat(Array.from(this.#window.after(0), ({ bytes }) => bytes)).toString(
      "latin1",
    );
  }

  /** Ends all waiting with this error: who waited is not there any more. */
  rejectReaders(error: Error): void {
    for (const reader of this.#waiting) reader.fail(error);
  }

  /** The one place where chunks leave memory. */
  #retain(chunk: Chunk): void {
    for (const dropped of this.#window.push(chunk)) this.#droppedBytes += dropped.bytes.length;
  }

  #enterEvent(): number {
    const seq = this.#nextSeq++;
    this.#wakeReaders();
    return seq;
  }

  /** An exit is news until it has been read, a closing for ever: nothing else will come. */
  #hasNewsAfter(seq: number): boolean {
    if (this.#window.lastSeq > seq || this.#closed) return true;
    return this.#exitCode !== null && seq < this.#nextSeq - 1;
  }

  #newsAfter(afterSeq: number, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(reader);
        how();
      };
      const reader: WaitingReader = {
        afterSeq,
        wake: () => settle(resolve),
        fail: (error) => settle(() => reject(error)),
      };
      const timer = setTimeout(reader.wake, Math.min(waitMs, timerMsMax));
      this.#waiting.add(reader);
    });
  }

  #wakeReaders(): void {
    for (const reader of this.#waiting) {
      if (this.#hasNewsAfter(reader.afterSeq)) reader.wake();
    }
  }

  #answer(afterSeq: number, bytesMax: number | undefined): Answer {
    const chunks = this.#page(afterSeq, bytesMax ?? Number.POSITIVE_INFINITY);
    const last = chunks.at(-1);
    return {
      chunks: chunks.map(encoded),
      nextSeq: bytesMax !== undefined && last ? last.seq + 1 : this.#nextSeq,
      exited: this.#exitCode !== null,
      exitCode: this.#exitCode,
      closed: this.#closed,
      droppedBytes: this.#droppedBytes,
    };
  }

  /** The first chunk is always given, so that a reader with a small `maxBytes` gets on. */
  #page(afterSeq: number, bytesMax: number): Chunk[] {
    const chunks: Chunk[] = [];
    let bytes = 0;
    for (const chunk of this.#window.after(afterSeq)) {
      bytes += chunk.bytes.length;
      if (chunks.length > 0 && bytes > bytesMax) break;
      chunks.push(chunk);
    }
    return chunks;
  }
}

/** A chunk as the wire has it. */
export function encoded({ seq, stream, bytes }: Chunk) {
  return { seq, stream, chunk: bytes.toString("base64") };
}
