/** The paths that a request reads, and those that it changes. */
export interface Touched {
  readonly reads: readonly string[];
  readonly changes: readonly string[];
}

/** Requests under way about exactly this path (`At`), and about it or anything below (`Below`). */
interface Place {
  readsAt?: RequestGroup;
  changesAt?: RequestGroup;
  readsBelow?: RequestGroup;
  changesBelow?: RequestGroup;
}

/**
 * Keeps the order of one connection's file requests where it matters. Two requests run one after
 * the other when one of them changes a path that is the same as a path of the other, or above or
 * below it. All others run side by side, so that a slow path delays only requests about itself.
 *
 * Each path and all its ancestors count the requests under way, instead of listing them. So a
 * pipelined change costs the same however many requests are ahead of it, and memory does not grow
 * behind a request that hangs.
 */
export class PathOrder {
  readonly #places = new Map<string, Place>();

  /**
   * Runs `work` behind every earlier request that it must not overtake. `touched` is called only
   * when other requests are under way, or when `work` does not end at once.
   */
  run<T>(touched: () => Touched, work: () => T | Promise<T>): T | Promise<T> {
    const ahead = this.#places.size === 0 ? noneAhead : this.#ahead(touched());
    const outcome = ahead.size === 0 ? work() : Promise.all(ahead).then(work);
    if (outcome instanceof Promise) this.#enter(touched(), outcome.then(ignore, ignore));
    return outcome;
  }

  #ahead({ reads, changes }: Touched): Set<Promise<unknown>> {
    const ahead = new Set<RequestGroup | undefined>();
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
    return new Set(Array.from(ahead as Set<RequestGroup>, (group) => group.awaited()));
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
      const group = new RequestGroup(() => this.#forget(path, kind, group));
      place[kind] = group;
      if (before) group.add(before.awaited());
    }
    place[kind]?.add(done);
  }

  #forget(path: string, kind: keyof Place, group: RequestGroup): void {
    const place = this.#places.get(path);
    if (place?.[kind] !== group) return;
    delete place[kind];
    if (Object.keys(place).length === 0) this.#places.delete(path);
  }
}

/** A group of requests under way. Once a request waits for the group, no further one joins it. */
class RequestGroup {
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

  /** Settles when all that are in it now have ended, and closes the group. */
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

const noneAhead: ReadonlySet<Promise<unknown>> = new Set();

/** The request itself reports its failure; those behind it go on. */
const ignore = () => undefined;

/** The ancestors of a path, the root being the empty text. A file handle's key has none. */
function placesAbove(path: string): string[] {
  const above: string[] = [];
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    above.push(path.slice(0, at));
  }
  return path.startsWith("/") ? above : [];
}
