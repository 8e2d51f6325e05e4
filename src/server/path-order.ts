/**
 * Keeps the order of file requests of one connection where it matters: requests that touch the same
 * path, or one above the other, go one after the other when one of them changes it. All else runs
 * side by side, so that a slow path delays only its own.
 */
export interface Touched {
  readonly reads: readonly string[];
  readonly changes: readonly string[];
}

interface Running {
  readonly touched: Touched;
  readonly done: Promise<unknown>;
}

export class PathOrder {
  readonly #readers = new Set<Running>();
  readonly #changers = new Set<Running>();

  /** Runs `work` behind every earlier request that it must not overtake. */
  run<T>(touched: Touched, work: () => T | Promise<T>): T | Promise<T> {
    const ahead = this.#conflicts(touched);
    const outcome = ahead.length === 0 ? work() : Promise.allSettled(ahead).then(work);
    if (outcome instanceof Promise) this.#remember(touched, outcome);
    return outcome;
  }

  #conflicts(touched: Touched): Promise<unknown>[] {
    if (this.#changers.size === 0 && (touched.changes.length === 0 || this.#readers.size === 0)) {
      return [];
    }
    const everything = [...touched.reads, ...touched.changes];
    const ahead = [];
    for (const earlier of this.#changers) {
      if (
        overlap(earlier.touched.changes, everything) ||
        overlap(earlier.touched.reads, touched.changes)
      ) {
        ahead.push(earlier.done);
      }
    }
    if (touched.changes.length === 0) return ahead;
    for (const earlier of this.#readers) {
      if (overlap(earlier.touched.reads, touched.changes)) ahead.push(earlier.done);
    }
    return ahead;
  }

  #remember(touched: Touched, done: Promise<unknown>): void {
    const running = { touched, done };
    const kin = touched.changes.length > 0 ? this.#changers : this.#readers;
    kin.add(running);
    const forget = () => kin.delete(running);
    done.then(forget, forget);
  }
}

const overlap = (some: readonly string[], others: readonly string[]) =>
  some.some((one) => others.some((other) => contains(one, other) || contains(other, one)));

/** Whether `inner` is `outer` or lies below it. Paths end without a slash. */
const contains = (outer: string, inner: string) =>
  inner.startsWith(outer) && (inner.length === outer.length || inner[outer.length] === "/");
