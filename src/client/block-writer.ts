import { Buffer } from "node:buffer";
import {
  fileBlockBytesMax,
  fileBlockMs,
  uploadBlockBytesMin,
  uploadBlocksInFlightMax,
  uploadBytesInFlightMax,
} from "../limits.ts";

/** Where blocks go. */
export interface BlockTarget {
  write(offset: number, chunk: string): Promise<unknown>;
  /** Makes it possible to write on after a failure, from `answeredBytes` on; else throws it. */
  resume(failure: unknown, extent: WrittenExtent): Promise<void>;
}

/** How far a file has come: at least the answered bytes of it are written, at most the sent. */
export interface WrittenExtent {
  readonly answeredBytes: number;
  readonly sentBytes: number;
}

interface Block {
  /** Base64, of which the request that sends it keeps the same text: it costs no memory here. */
  readonly chunk: string;
  readonly bytes: number;
  readonly answered: Promise<unknown>;
}

/**
 * Writes bytes one behind the other in blocks, some of them at a time. On a slow line they are
 * small, because nothing else passes while one is under way. On a fast one they are large, because
 * each costs some work: 64 MB in blocks of 256 KiB took a tenth longer than in those of 1 MiB.
 */
export class BlockWriter {
  readonly #target: BlockTarget;
  readonly #inFlight: Block[] = [];
  readonly #unsent: Buffer[] = [];
  #inFlightBytes = 0;
  #answeredBytes = 0;
  #sentBytesMost = 0;
  /** A block in flight has failed: what is sent behind it would fail too. */
  #hasFailed = false;
  /** When the pace of the line began to be measured, and what had been answered by then. */
  #pace: { readonly sinceMs: number; readonly answeredBytes: number } | undefined;

  constructor(target: BlockTarget) {
    this.#target = target;
  }

  /** Settles when the last block is on its way. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#unsent.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    while (this.#unsent.length > 0) await this.#step();
  }

  /** Settles when everything is written. */
  async end(): Promise<void> {
    while (this.#unsent.length + this.#inFlight.length > 0) await this.#step();
  }

  /** Sends a block if there is one and room for it, else waits for the answer to the oldest. */
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

  /** The first block goes alone: its answer shows how fast the line is. */
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

  /** Sends the beginning of these bytes; the rest is the next to be sent. */
  #begin(bytes: Buffer): void {
    const block = bytes.subarray(0, this.#blockBytes());
    if (block.length < bytes.length) this.#unsent.unshift(bytes.subarray(block.length));
    if (block.length === 0) return;
    const offset = this.#answeredBytes + this.#inFlightBytes;
    const chunk = block.toString("base64");
    const answered = this.#target.write(offset, chunk);
    // Whoever writes on, or ends, comes upon the failure itself.
    answered.catch(() => {
      this.#hasFailed = true;
    });
    this.#inFlight.push({ chunk, bytes: block.length, answered });
    this.#inFlightBytes += block.length;
    this.#sentBytesMost = Math.max(this.#sentBytesMost, offset + block.length);
  }

  /** What had no answer is sent again, at the pace of the new line. */
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
