import type { Buffer } from "node:buffer";
import type { OutputStream } from "./spawn/spawner.ts";

/** One piece of output as it was read, with its number among the events of its process. */
export interface Chunk {
  readonly kind: "output";
  readonly seq: number;
  readonly stream: OutputStream;
  readonly bytes: Buffer;
}

export interface ChunkWindowBounds {
  readonly bytesMax: number;
  readonly chunksMax: number;
}

/** Below this many dropped places at the front of the array it is not worth moving the rest. */
const frontPlacesMin = 64;

/**
 * The newest chunks of a process. Whoever pushes sees to it that whole chunks leave at the old end
 * when one of the bounds is exceeded, and may store them elsewhere.
 */
export class ChunkWindow {
  readonly #bounds: ChunkWindowBounds;
  /** Places before `#first` are empty; they are cut off from time to time, not at each drop. */
  #places: (Chunk | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  constructor(bounds: ChunkWindowBounds) {
    this.#bounds = bounds;
  }

  /** Number of the newest chunk, 0 when there is none. */
  get lastSeq(): number {
    return this.#places.at(-1)?.seq ?? 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Gives everything away, oldest first. */
  drain(): Chunk[] {
    const chunks = [...this.after(0)];
    this.#places = [];
    this.#first = 0;
    this.#bytes = 0;
    return chunks;
  }

  push(chunk: Chunk): void {
    this.#places.push(chunk);
    this.#bytes += chunk.bytes.length;
  }

  get oldest(): Chunk | undefined {
    return this.#places[this.#first];
  }

  /** Whether a bound is exceeded, that of the bytes by more than `extraBytes`. */
  exceeds(extraBytes: number): boolean {
    const chunks = this.#places.length - this.#first;
    return this.#bytes > this.#bounds.bytesMax + extraBytes || chunks > this.#bounds.chunksMax;
  }

  /** Takes the oldest out. */
  shift(): Chunk | undefined {
    const oldest = this.#places[this.#first];
    this.#places[this.#first++] = undefined;
    this.#bytes -= oldest?.bytes.length ?? 0;
    if (this.#first >= frontPlacesMin && this.#first * 2 >= this.#places.length) {
      this.#places = this.#places.slice(this.#first);
      this.#first = 0;
    }
    return oldest;
  }

  /** Chunks with a greater number than `seq`, oldest first, made one by one. */
  *after(seq: number): Generator<Chunk> {
    for (let place = this.#placeAfter(seq); place < this.#places.length; place++) {
      const chunk = this.#places[place];
      if (chunk) yield chunk;
    }
  }

  #placeAfter(seq: number): number {
    let low = this.#first;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle]?.seq ?? 0) > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
