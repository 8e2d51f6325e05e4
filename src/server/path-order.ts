/**
 * Keeps the order of file requests of one connection where it matters: requests that touch the same
 * path, or one above the other, go one after the other when one of them changes it. All else runs
 * side by side, so that a slow path delays only its own.
 *
 * Every place on the way to a path counts what is under way at it and below it, and does not keep
 * each request: so a pipelined change costs the same however many are before it, and one that hangs
 * makes nobody remember those after it.
 */
export interface Touched {
  readonly reads: readonly string[];
  readonly changes: readonly string[];
}

/** Requests about exactly this path, and those about it or anything below it. */
interface Place {
  readsAt?: Crowd;
  changesAt?: Crowd;
  readsBelow?: Crowd;
  changesBelow?: Crowd;
}

export class PathOrder {
  readonly #places = new Map<string, Place>();

  /**
   * Runs `work` behind every earlier request that it must not overtake. What it touches is asked
   * only where it matters: when something is under way, or when this is not over at once.
   */
  run<T>(touched: () => Touched, work: () => T | Promise<T>): T | Promise<T> {
    const ahead = this.#places.size === 0 ? nobody : this.#ahead(touched());
    const outcome = ahead.size === 0 ? work() : Promise.all(ahead).then(work);
    if (outcome instanceof Promise) this.#enter(touched(), outcome.then(whatever, whatever));
    return outcome;
  }

  #ahead({ reads, changes }: Touched): Set<Promise<unknown>> {
    const ahead = new Set<Crowd | undefined>();
    for (const path of reads) {
      for (const above of placesAbove(path)) ahead.add(this.#places.get(above)?.changesAt);
      ahead.add(this.#places.get(path)?.changesBelow);
    }
    for (const path of changes) {
      for (const above of placesAbove(path)) {
        ahead.add(this.#places.get(above)?.changesAt).add(this.#places.get(above)?.readsAt);
      }
      ahead.add(this.#places.get(path)?.changesBelow).add(this.#places.get(path)?.readsBelow);
    }
    ahead.delete(undefined);
    return new Set(Array.from(ahead as Set<Crowd>, (crowd) => crowd.awaited()));
  }

  #enter({ reads, changes }: Touched, done: Promise<unknown>): void {
    for (const path of reads) {
      this.#extend(path, "readsAt", done);
      for (const place of [...placesAbove(path), path]) this.#extend(place, "readsBelow", done);
    }
    for (const path of changes) {
      this.#extend(path, "changesAt", done);
      for (const place of [...placesAbove(path), path]) this.#extend(place, "changesBelow", done);
    }
  }

  #extend(path: string, kind: keyof Place, done: Promise<unknown>): void {
    const place = this.#places.get(path) ?? {};
    this.#places.set(path, place);
    const before = place[kind];
    if (before === undefined || before.isClosed) {
      const crowd = new Crowd(() => this.#forget(path, kind, crowd));
      place[kind] = crowd;
      if (before) crowd.add(before.awaited());
    }
    place[kind]?.add(done);
  }

  #forget(path: string, kind: keyof Place, crowd: Crowd): void {
    const place = this.#places.get(path);
    if (place?.[kind] !== crowd) return;
    delete place[kind];
    if (Object.keys(place).length === 0) this.#places.delete(path);
  }
}

/** Requests that are under way. Once somebody waits for them, no further one joins. */
class Crowd {
  isClosed = false;
  readonly #over: () => void;
  #underWay = 0;
  #end: Promise<void> | undefined;
  #tellEnd = () => {};

  constructor(over: () => void) {
    this.#over = over;
  }

  add(done: Promise<unknown>): void {
    this.#underWay++;
    void done.then(() => this.#leave());
  }

  /** The end of all that are in it now. */
  awaited(): Promise<void> {
    this.isClosed = true;
    this.#end ??= new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
    return this.#end;
  }

  #leave(): void {
    if (--this.#underWay > 0) return;
    this.#over();
    this.#tellEnd();
  }
}

const nobody: ReadonlySet<Promise<unknown>> = new Set();

/** Why a request failed is its caller's business; those behind it go on. */
const whatever = () => undefined;

/** The paths above one, the root being the empty text. What is no path has none. */
function placesAbove(path: string): string[] {
  const above: string[] = [];
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    above.push(path.slice(0, at));
  }
  return path.startsWith("/") ? above : [];
}
