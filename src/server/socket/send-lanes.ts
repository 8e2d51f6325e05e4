import { laneTurnBytes } from "../../limits.ts";

/** A message that waits. It is sent as a whole. */
export interface Waiting {
  /** In bytes. */
  readonly length: number;
}

interface Lane<T> {
  readonly name: string;
  readonly waiting: T[];
  bytes: number;
}

/**
 * Messages that wait for a slow line, in lanes. Messages of one lane stay in order, and lanes take
 * turns, so that a keystroke's echo does not wait behind half a megabyte of another process.
 *
 * A lane in which nothing waited is fresh and goes first, once. After that it queues up with the
 * others, even when it is empty by then: a lane with a little to send again and again must not keep
 * the others from their turns.
 */
export class SendLanes<T extends Waiting> {
  readonly #byName = new Map<string, Lane<T>>();
  readonly #fresh: Lane<T>[] = [];
  readonly #queue: Lane<T>[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  bytesIn(name: string): number {
    return this.#byName.get(name)?.bytes ?? 0;
  }

  add(name: string, item: T): void {
    const lane = this.#byName.get(name) ?? this.#open(name);
    lane.waiting.push(item);
    lane.bytes += item.length;
    this.#bytes += item.length;
  }

  /** Takes what goes out next: one item, and as many more as stay below `bytesMax` together. */
  take(bytesMax: number): T[] {
    const taken = this.#take(bytesMax, () => this.#fresh[0] ?? this.#queue[0]);
    // Clients choose the names of lanes, so lanes without messages must not pile up.
    if (this.#bytes === 0) this.clear();
    return taken;
  }

  /** Takes from fresh lanes only. A lane becomes fresh again only when all lanes are empty. */
  takeFresh(bytesMax: number): T[] {
    return this.#take(bytesMax, () => this.#fresh[0]);
  }

  #take(bytesMax: number, nextLane: () => Lane<T> | undefined): T[] {
    const taken: T[] = [];
    let room = bytesMax;
    while (this.#bytes > 0) {
      const lane = nextLane();
      if (!lane) break;
      const first = lane.waiting[0];
      if (first && first.length > room && taken.length > 0) break;
      // A single lane needs no turns.
      const turn = takeTurn(lane.waiting, room, this.#byName.size === 1 ? room : laneTurnBytes);
      let bytes = 0;
      for (const { length } of turn) bytes += length;
      taken.push(...turn);
      room -= bytes;
      this.#endTurn(lane, bytes);
    }
    return taken;
  }

  clear(): void {
    this.#byName.clear();
    this.#fresh.length = 0;
    this.#queue.length = 0;
    this.#bytes = 0;
  }

  #open(name: string): Lane<T> {
    const lane = { name, waiting: [], bytes: 0 };
    this.#byName.set(name, lane);
    this.#fresh.push(lane);
    return lane;
  }

  #endTurn(lane: Lane<T>, takenBytes: number): void {
    lane.bytes -= takenBytes;
    this.#bytes -= takenBytes;
    const wasFresh = this.#fresh[0] === lane;
    (wasFresh ? this.#fresh : this.#queue).shift();
    if (lane.bytes > 0 || wasFresh) this.#queue.push(lane);
    else this.#byName.delete(lane.name);
  }
}

/** One item, and more while there is room for them and the turn lasts. */
function takeTurn<T extends Waiting>(waiting: T[], room: number, turnBytes: number): T[] {
  let count = 0;
  let bytes = 0;
  for (let item = waiting[0]; item && bytes < turnBytes; item = waiting[++count]) {
    bytes += item.length;
    if (count > 0 && bytes > room) break;
  }
  return waiting.splice(0, count);
}
