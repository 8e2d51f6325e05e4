import { Buffer } from "node:buffer";
import type { FileSystem } from "../../environment/file-system.ts";
import {
  downloadBlockBytesMin,
  downloadBytesInFlightMax,
  downloadInFlightMs,
  fileBlockBytesMax,
  fileBlockMs,
} from "../../limits.ts";
import { withHandle } from "./file-handle.ts";

export interface Block {
  readonly bytes: Uint8Array;
  readonly eof: boolean;
}

interface Asked {
  readonly len: number;
  readonly answer: Promise<Block>;
}

/**
 * Reads the blocks of an open file in order, some of them ahead of demand. On a slow connection
 * they are small and few, because a block under way delays every other message and is lost when the
 * connection breaks. On a fast one they are large.
 */
export class BlockReader {
  readonly handleId: string;
  readonly #fileSystem: FileSystem;
  readonly #asked: Asked[] = [];
  #askedBytes = 0;
  #answeredBytes = 0;
  #offset: number;
  /** Throughput during the last answer; 0 before the first block, which therefore goes alone. */
  #bytesPerMs = 0;

  constructor(fileSystem: FileSystem, handleId: string, offset: number) {
    this.#fileSystem = fileSystem;
    this.handleId = handleId;
    this.#offset = offset;
  }

  async next(): Promise<Block> {
    const bytesMax = Math.min(this.#bytesPerMs * downloadInFlightMs, downloadBytesInFlightMax);
    while (this.#asked.length === 0 || this.#askedBytes < bytesMax) this.#ask();
    const { len, answer } = this.#asked.shift() as Asked;
    this.#askedBytes -= len;
    return answer;
  }

  #ask(): void {
    const fittingBytes = Math.floor(this.#bytesPerMs * fileBlockMs);
    const len = Math.min(Math.max(fittingBytes, downloadBlockBytesMin), fileBlockBytesMax);
    const answer = this.#read(this.#offset, len);
    // A block that was read ahead may never be awaited, and may fail unhandled.
    answer.catch(() => {});
    this.#asked.push({ len, answer });
    this.#askedBytes += len;
    this.#offset += len;
  }

  async #read(offset: number, len: number): Promise<Block> {
    const before = { answeredBytes: this.#answeredBytes, nowMs: performance.now() };
    const block = { handleId: this.handleId, offset, len };
    const { chunk, eof } = await withHandle(() => this.#fileSystem.readBlock(block));
    const bytes = Buffer.from(chunk, "base64");
    this.#answeredBytes += bytes.length;
    const elapsedMs = performance.now() - before.nowMs;
    this.#bytesPerMs = (this.#answeredBytes - before.answeredBytes) / (elapsedMs || 1);
    return { bytes, eof };
  }
}
