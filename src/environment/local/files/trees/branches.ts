import { directoriesInParallel } from "../../../../limits.ts";
import { inParallel } from "../calls/in-parallel.ts";

/**
 * Bounds how many branches of one tree are worked on at the same time, over all levels: each holds
 * directories open.
 */
export class Branches {
  #left: number;

  constructor(most = directoriesInParallel) {
    this.#left = most - 1;
  }

  async forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const more = Math.min(this.#left, Math.max(items.length - 1, 0));
    this.#left -= more;
    try {
      await inParallel(items, 1 + more, work);
    } finally {
      this.#left += more;
    }
  }
}
