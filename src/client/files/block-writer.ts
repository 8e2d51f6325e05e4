import { Buffer } from "node:buffer";
import {
  fileBlockBytesMax,
  fileBlockMs,
  uploadBlockBytesMin,
  uploadBlocksInFlightMax,
  uploadBytesInFlightMax,
} from "../../limits.ts";

/** The destination of the blocks. */
export interface BlockTarget {
  write(offset: number, chunk: string): Promise<unknown>;
  /**
   * Makes writing possible again after `failure`, from `answeredBytes` on; throws when it cannot.
   */
  resume(failure: unknown, extent: WrittenExtent): Promise<void>;
}

/** How much of a file is written: at least `answeredBytes`, at most `sentBytes`. */
export interface WrittenExtent {
  readonly answeredBytes: number;
  readonly sentBytes: number;
}

interface Block {
  /** Base64. The request holds the same string, so keeping it here costs no memory. */
  readonly chunk: string;
  readonly bytes: number;
  readonly answered: Promise<unknown>;
}

/**
 * Writes bytes in blocks, several at a time. On a slow connection they are small, because a block
 * under way delays every other message. On a fast one they are large, because each has a fixed
 * cost: 64 MB in blocks of 256 KiB took a tenth longer than in blocks of 1 MiB.
 */
export class BlockWriter {
  readonly #target: BlockTarget;
  readonly #inFlight: Block[] = [];
  readonly #unsent: Buffer[] = [];
  #inFlightBytes = 0;
  #answeredBytes = 0;
  #sentBytesMost = 0;
  /** A block in flight has failed, so no more are sent until the target has resumed. */
  #hasFailed = false;
  /** When the measurement of the throughput began, and how much was answered by then. */
  #pace: { readonly sinceMs: number; readonly answeredBytes: number } | undefined;

  constructor(target: BlockTarget) {
    this.#target = target;
  }

  /** Settles when the last block has been sent. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#unsent.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    while (this.#unsent.length > 0) await this.#step();
  }

  /** Settles when everything is written. */
  async end(): Promise<void> {
    while (this.#unsent.length + this.#inFlight.length > 0) await this.#step();
  }

  /** Sends a block if there is one and room for it, else waits for the oldest answer. */
  async #step(): Promise<void> {
    const bytes = this.#hasRoom() ? this.#unsent.shift() : undefined;
    if (bytes) return this.#begin(bytes);
    const block = this.#inFlight[0];
    try {
      await block?.answered;
    } catch (failure) {
      return this.#resume(failure);
    }
    this.#inFlight.shift();
    this.#inFlightBytes -= block?.bytes ?? 0;
    this.#answeredBytes += block?.bytes ?? 0;
  }

  /** The first block goes alone: its answer gives the throughput. */
  #hasRoom(): boolean {
    const { length } = this.#inFlight;
    if (this.#hasFailed) return false;
    if (this.#answeredBytes === (this.#pace?.answeredBytes ?? 0)) return length === 0;
    return length < uploadBlocksInFlightMax && this.#inFlightBytes < uploadBytesInFlightMax;
  }

  #blockBytes(): number {
    const nowMs = performance.now();
    this.#pace ??= { sinceMs: nowMs, answeredBytes: this.#answeredBytes };
    const { sinceMs, answeredBytes } = this.#pace;
    const bytesPerMs = (this.#answeredBytes - answeredBytes) / (nowMs - sinceMs || 1);
    const fittingBytes = Math.floor(bytesPerMs * fileBlockMs);
    return Math.min(Math.max(fittingBytes, uploadBlockBytesMin), fileBlockBytesMax);
  }

  /** Sends a block from the start of `bytes`; the rest stays first in the queue. */
  #begin(bytes: Buffer): void {
    const block = bytes.subarray(0, this.#blockBytes());
    if (block.length < bytes.length) this.#unsent.unshift(bytes.subarray(block.length));
    if (block.length === 0) return;
    const offset = this.#answeredBytes + this.#inFlightBytes;
    const chunk = block.toString("base64");
    const answered = this.#target.write(offset, chunk);
    // `#step` meets the failure when it awaits this block.
    answered.catch(() => {
      this.#hasFailed = true;
    });
    this.#inFlight.push({ chunk, bytes: block.length, answered });
    this.#inFlightBytes += block.length;
    this.#sentBytesMost = Math.max(this.#sentBytesMost, offset + block.length);
  }

  /** Queues the unanswered blocks again, and measures the new connection anew. */
  async #resume(failure: unknown): Promise<void> {
    const extent = { answeredBytes: this.#answeredBytes, sentBytes: this.#sentBytesMost };
    await this.#target.resume(failure, extent);
    const unanswered = this.#inFlight.splice(0);
    this.#inFlightBytes = 0;
    this.#hasFailed = false;
    this.#pace = undefined;
    this.#unsent.unshift(...unanswered.map(({ chunk }) => Buffer.from(chunk, "base64")));
  }
}
