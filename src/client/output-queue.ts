import { Buffer } from "node:buffer";
import { lostBytesBefore } from "../environment/remote/event-sequence.ts";
import { gapReadBytesMax, gapReadBytesMin, outputQueueBytesMax } from "../limits.ts";
import type { EventParams, Params, Result } from "../protocol/methods.ts";
import { isTemporary } from "./errors.ts";

/** A piece of what a process has printed. */
export interface OutputChunk {
  /** `pty` for a process with a terminal. */
  readonly stream: "stdout" | "stderr" | "pty";
  readonly bytes: Uint8Array;
  /**
   * Bytes that were printed just before this piece and are lost, because the executor retains only
   * so much for a reader that is slow or away. 0 as long as nothing is lost; at least so many with
   * an executor that does not count them.
   */
  readonly lostBytes: number;
}

type Output = Omit<EventParams<"process/output">, "processId">;
type Page = Result<"process/read">;
type ReadPage = (params: Omit<Params<"process/read">, "processId">) => Promise<Page>;

/**
 * Output that waits for its reader. When the reader is slow, or there is none, only so much is kept
 * here; the rest stays with the executor and is read from there when the reader has come so far.
 */
export class OutputQueue {
  readonly #read: ReadPage;
  #chunks: OutputChunk[] = [];
  #bytes = 0;
  /** Of what has been put into the queue: number of the last piece, bytes of all. */
  #lastSeq = 0;
  #bytesSeen = 0;
  /** The newest piece that was left with the executor; 0 when none is. */
  #leftSeq = 0;
  #lostBytes = 0;
  #end: { readonly error?: Error } | undefined;
  #wake: () => void = () => {};
  /** Small after a broken connection, as when gaps are filled. */
  #pageBytes = gapReadBytesMin;

  constructor(read: ReadPage) {
    this.#read = read;
  }

  /** Whether pieces that came were left with the executor, which must keep them. */
  get isBehind(): boolean {
    return this.#leftSeq > 0;
  }

  /** Takes in the next piece of output. */
  push(output: Output): void {
    if (output.seq <= this.#lastSeq) return;
    if (this.#leftSeq > 0 || this.#bytes > outputQueueBytesMax) this.#leftSeq = output.seq;
    else this.#keep(output);
    this.#wake();
  }

  /** Output was lost before the next piece. */
  lose(bytes: number): void {
    if (this.#leftSeq > 0) return;
    this.#lostBytes += bytes;
    this.#bytesSeen += bytes;
  }

  /** There is no more; with an error when there might have been. */
  end(error?: Error): void {
    this.#end ??= error ? { error } : {};
    this.#wake();
  }

  /** Lets the reader look whether there is anything new, or whether it has left. */
  wake(): void {
    this.#wake();
  }

  /** The next piece; undefined after the last, and for a reader that has left. */
  async next(left?: AbortSignal): Promise<OutputChunk | undefined> {
    for (;;) {
      if (left?.aborted) return undefined;
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.#bytes -= chunk.bytes.length;
        return chunk;
      }
      if (this.#end?.error) throw this.#end.error;
      if (this.#leftSeq > 0) await this.#fetch();
      else if (this.#end) return undefined;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #keep(output: Output): void {
    const bytes = Buffer.from(output.chunk, "base64");
    this.#chunks.push({ stream: output.stream, bytes, lostBytes: this.#lostBytes });
    this.#lastSeq = output.seq;
    this.#bytes += bytes.length;
    this.#bytesSeen += bytes.length;
    this.#lostBytes = 0;
  }

  async #fetch(): Promise<void> {
    const afterSeq = this.#lastSeq;
    const page = await this.#readPage(afterSeq);
    if (!page) return;
    const first = page.chunks[0];
    if (first && first.seq > afterSeq + 1) {
      const lostBytes = lostBytesBefore(page, this.#bytesSeen);
      this.#lostBytes += lostBytes;
      this.#bytesSeen += lostBytes;
    }
    for (const chunk of page.chunks) if (chunk.seq > this.#lastSeq) this.#keep(chunk);
    if (!first || this.#lastSeq >= this.#leftSeq) this.#leftSeq = 0;
  }

  /** Undefined when the connection broke; the next try waits for another one. */
  async #readPage(afterSeq: number): Promise<Page | undefined> {
    try {
      const page = await this.#read({ afterSeq, maxBytes: this.#pageBytes, waitMs: 0 });
      this.#pageBytes = Math.min(this.#pageBytes * 2, gapReadBytesMax);
      return page;
    } catch (error) {
      if (!isTemporary(error)) throw error;
      this.#pageBytes = gapReadBytesMin;
      return undefined;
    }
  }
}
