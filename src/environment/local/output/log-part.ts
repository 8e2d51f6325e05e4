import type { Chunk } from "./output-run.ts";

interface PartBounds {
  readonly bytesMax: number;
  readonly chunksMax: number;
}

/**
 * Chunks after a number, up to a limit. The first is always taken, so that a reader with a small
 * limit makes progress.
 */
export class LogPart {
  readonly afterSeq: number;
  readonly chunks: Chunk[] = [];
  /** Whether there are more chunks than the limits allow. */
  isCut = false;
  readonly #chunksMax: number;
  #bytesLeft: number;

  constructor(afterSeq: number, { bytesMax, chunksMax }: PartBounds) {
    this.afterSeq = afterSeq;
    this.#bytesLeft = bytesMax;
    this.#chunksMax = chunksMax;
  }

  /** The number of the last chunk; without chunks `afterSeq`. */
  get lastSeq(): number {
    return this.chunks.at(-1)?.seq ?? this.afterSeq;
  }

  /** Takes the chunks that fit, oldest first. */
  take(chunks: Iterable<Chunk>): void {
    for (const chunk of chunks) {
      this.#bytesLeft -= chunk.bytes.length;
      const isFull = this.#bytesLeft < 0 || this.chunks.length >= this.#chunksMax;
      this.isCut = isFull && this.chunks.length > 0;
      if (this.isCut) return;
      this.chunks.push(chunk);
    }
  }
}
