import { directoriesInParallel } from "../../../limits.ts";
import { inParallel } from "./in-parallel.ts";

/**
 * The branches of one tree that are worked on at the same time. All of them together are bounded,
 * for each holds directories open.
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
