import { Buffer } from "node:buffer";
import { lostBytesBefore } from "../../environment/remote/event-sequence.ts";
import { gapReadBytesMax, gapReadBytesMin, outputQueueBytesMax } from "../../limits.ts";
import type { EventParams, Params, Result } from "../../protocol/methods.ts";
import { isTemporary } from "../calls/errors.ts";

/** A piece of a process's output. */
export interface OutputChunk {
  /** `pty` for a process with a terminal. */
  readonly stream: "stdout" | "stderr" | "pty";
  readonly bytes: Uint8Array;
  /**
   * Bytes of output that are lost just before this piece, because the executor retains only a
   * limited amount for a slow or absent reader. Else 0. A lower bound with an executor that does
   * not count them.
   */
  readonly lostBytes: number;
}

type Output = Omit<EventParams<"process/output">, "processId">;
type Page = Result<"process/read">;
type ReadPage = (params: Omit<Params<"process/read">, "processId">) => Promise<Page>;

/**
 * Output that waits for its reader. Only a limited amount is kept here for a slow or absent one;
 * the executor retains the rest, which is read when the reader gets there.
 */
export class OutputQueue {
  readonly #read: ReadPage;
  #chunks: OutputChunk[] = [];
  #bytes = 0;
  /** Sequence number of the last queued piece, and the bytes of all queued pieces. */
  #lastSeq = 0;
  #bytesSeen = 0;
  /** Sequence number of the newest piece that was dropped here, to be read again; 0 when none. */
  #leftSeq = 0;
  #lostBytes = 0;
  #end: { readonly error?: Error } | undefined;
  #wake: () => void = () => {};
  /** Small at first and after a broken connection, and doubled with every page. */
  #pageBytes = gapReadBytesMin;

  constructor(read: ReadPage) {
    this.#read = read;
  }

  /** Whether dropped pieces must be read again, so that the executor must retain them. */
  get isBehind(): boolean {
    return this.#leftSeq > 0;
  }

  /** Queues a pushed piece, or drops it when too much waits already. */
  push(output: Output): void {
    if (output.seq <= this.#lastSeq) return;
    if (this.#leftSeq > 0 || this.#bytes > outputQueueBytesMax) this.#leftSeq = output.seq;
    else this.#keep(output);
    this.#wake();
  }

  /** `bytes` of output were lost before the next piece. */
  lose(bytes: number): void {
    if (this.#leftSeq > 0) return;
    this.#lostBytes += bytes;
    this.#bytesSeen += bytes;
  }

  /** Ends the output; with an error when more may have been printed. */
  end(error?: Error): void {
    this.#end ??= error ? { error } : {};
    this.#wake();
  }

  /** Lets a waiting reader check for new output, or that it has left. */
  wake(): void {
    this.#wake();
  }

  /** The next piece; undefined after the last one, and when the reader has left. */
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

  /** Undefined when the connection broke; the next call waits for a new one. */
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
