import { Buffer } from "node:buffer";
import {
  fileBlockBytesMax,
  uploadBlockBytesMin,
  uploadBlockMs,
  uploadBlocksInFlightMax,
  uploadBytesInFlightMax,
} from "../limits.ts";

interface Block {
  readonly bytes: number;
  readonly answered: Promise<unknown>;
}

/**
 * Writes bytes one behind the other in blocks, some of them at a time. On a slow line they are
 * small, because nothing else passes while one is under way. On a fast one they are large, because
 * each costs some work: 64 MB in blocks of 256 KiB took a tenth longer than in those of 1 MiB.
 */
export class BlockWriter {
  readonly #send: (offset: number, chunk: string) => Promise<unknown>;
  readonly #inFlight: Block[] = [];
  #inFlightBytes = 0;
  #offset = 0;
  #beganAtMs: number | undefined;

  constructor(send: (offset: number, chunk: string) => Promise<unknown>) {
    this.#send = send;
  }

  /** Settles when the last block is on its way. */
  async write(bytes: Uint8Array): Promise<void> {
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#beganAtMs ??= performance.now();
    for (let start = 0; start < whole.length; ) {
      while (!this.#hasRoom()) await this.#oldest();
      const block = whole.subarray(start, start + this.#blockBytes());
      this.#begin(block);
      start += block.length;
    }
  }

  /** Settles when everything is written. */
  async end(): Promise<void> {
    await Promise.all(this.#inFlight.map(({ answered }) => answered));
  }

  get #answeredBytes(): number {
    return this.#offset - this.#inFlightBytes;
  }

  /** The first block goes alone: its answer shows how fast the line is. */
  #hasRoom(): boolean {
    const { length } = this.#inFlight;
    if (this.#answeredBytes === 0) return length === 0;
    return length < uploadBlocksInFlightMax && this.#inFlightBytes < uploadBytesInFlightMax;
  }

  async #oldest(): Promise<void> {
    const block = this.#inFlight.shift();
    await block?.answered;
    this.#inFlightBytes -= block?.bytes ?? 0;
  }

  #blockBytes(): number {
    const elapsedMs = performance.now() - (this.#beganAtMs ?? 0);
    const fittingBytes = Math.floor((this.#answeredBytes / elapsedMs) * uploadBlockMs);
    return Math.min(Math.max(fittingBytes, uploadBlockBytesMin), fileBlockBytesMax);
  }

  #begin(block: Buffer): void {
    const answered = this.#send(this.#offset, block.toString("base64"));
    // Whoever writes on, or ends, comes upon its failure.
    answered.catch(() => {});
    this.#inFlight.push({ bytes: block.length, answered });
    this.#inFlightBytes += block.length;
    this.#offset += block.length;
  }
}
