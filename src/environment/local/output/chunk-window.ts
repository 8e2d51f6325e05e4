import { firstBehind } from "./first-behind.ts";
import type { Chunk, OutputRun } from "./output-run.ts";

export interface ChunkWindowBounds {
  readonly bytesMax: number;
  readonly chunksMax: number;
}

/** With fewer empty places at the front of the array, moving the rest is not worth it. */
const frontPlacesMin = 64;

/**
 * The newest chunks of a process, in the runs in which they were read. The caller of `push` must
 * take out the oldest when a limit is exceeded, and may store them elsewhere.
 */
export class ChunkWindow {
  readonly #bounds: ChunkWindowBounds;
  /** Places before `#first` are empty; they are removed now and then, not at each take. */
  #runs: (OutputRun | undefined)[] = [];
  #first = 0;
  /** Chunks of the oldest run that were taken out. */
  #taken = 0;
  #chunks = 0;
  #bytes = 0;

  constructor(bounds: ChunkWindowBounds) {
    this.#bounds = bounds;
  }

  /** Number of the newest chunk, 0 when there is none. */
  get lastSeq(): number {
    return this.#runs.at(-1)?.lastSeq ?? 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the oldest chunk, 0 when there is none. */
  get oldestSeq(): number {
    const run = this.#runs[this.#first];
    return run === undefined ? 0 : run.firstSeq + this.#taken;
  }

  get oldest(): Chunk | undefined {
    return this.#runs[this.#first]?.chunkAt(this.#taken);
  }

  push(run: OutputRun): void {
    this.#runs.push(run);
    this.#chunks += run.count;
    this.#bytes += run.bytes.length;
  }

  /** Whether a limit is exceeded, that of bytes by more than `extraBytes`. */
  exceeds(extraBytes: number): boolean {
    const { bytesMax, chunksMax } = this.#bounds;
    return this.#bytes > bytesMax + extraBytes || this.#chunks > chunksMax;
  }

  /**
   * Takes out the oldest chunk and returns its length. Calls `leaves` with the run of which it was
   * the last, if the next run lies in other memory: without a next run, one may still be added to
   * the same memory.
   */
  takeOldest(leaves: (run: OutputRun) => void): number {
    const run = this.#runs[this.#first];
    if (run === undefined) return 0;
    const length = run.lengthAt(this.#taken);
    this.#taken++;
    this.#chunks--;
    this.#bytes -= length;
    if (this.#taken < run.count) return length;
    const next = this.#nextRun();
    if (next !== undefined && next.bytes.buffer !== run.bytes.buffer) leaves(run);
    return length;
  }

  /** Takes out all chunks and returns them, oldest first. */
  drain(): Chunk[] {
    const chunks = [...this.after(0)];
    this.#runs = [];
    this.#first = 0;
    this.#taken = 0;
    this.#chunks = 0;
    this.#bytes = 0;
    return chunks;
  }

  /** Yields chunks with a greater number than `seq`, oldest first. */
  *after(seq: number): Generator<Chunk> {
    const least = Math.max(seq + 1, this.oldestSeq);
    const start = firstBehind(seq, this.#runs, this.#first);
    for (let place = start; place < this.#runs.length; place++) {
      const run = this.#runs[place];
      if (run === undefined) continue;
      const from = Math.max(0, least - run.firstSeq);
      for (let index = from; index < run.count; index++) yield run.chunkAt(index);
    }
  }

  /** Removes the oldest run, which is used up, and returns the next. */
  #nextRun(): OutputRun | undefined {
    this.#taken = 0;
    this.#runs[this.#first++] = undefined;
    if (this.#first >= frontPlacesMin && this.#first * 2 >= this.#runs.length) {
      this.#runs = this.#runs.slice(this.#first);
      this.#first = 0;
    }
    return this.#runs[this.#first];
  }
}
