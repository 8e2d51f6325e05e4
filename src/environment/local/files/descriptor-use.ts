import type { MaybePromise } from "../../../protocol/methods.ts";
import { isDescriptorShortage } from "../../../protocol/shortages.ts";
import type { FileThreads } from "../file-threads.ts";

/**
 * The steps of one operation that open files only as long as they last. One that finds no free
 * descriptor is done once more when nothing else of the operation, and no other thread, holds any:
 * then it fails only where it would have done so by itself.
 */
export class DescriptorUse {
  readonly #threads: FileThreads | undefined;
  #underWay = 0;
  #whenNoneIsUnderWay = () => {};
  /** Settles when those that are done once more have ended; the others wait for them. */
  #doneOnceMore: Promise<unknown> | undefined;

  constructor(threads?: FileThreads) {
    this.#threads = threads;
  }

  run<T>(step: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#doneOnceMore) return this.#doneOnceMore.then(() => this.run(step));
    this.#underWay++;
    try {
      const outcome = step();
      if (outcome instanceof Promise) return this.#awaited(outcome, step);
      this.#leave();
      return outcome;
    } catch (error) {
      this.#leave();
      return this.#onceMoreFor(error, step);
    }
  }

  async #awaited<T>(outcome: Promise<T>, step: () => MaybePromise<T>): Promise<T> {
    try {
      const result = await outcome;
      this.#leave();
      return result;
    } catch (error) {
      this.#leave();
      return this.#onceMoreFor(error, step);
    }
  }

  #leave(): void {
    if (--this.#underWay === 0) this.#whenNoneIsUnderWay();
  }

  #onceMoreFor<T>(error: unknown, step: () => MaybePromise<T>): Promise<T> {
    if (!isDescriptorShortage(error)) return Promise.reject(error);
    const outcome = this.#onceMore(error, step, this.#doneOnceMore);
    const ended = outcome.then(goOn, goOn);
    this.#doneOnceMore = ended;
    void ended.then(() => {
      if (this.#doneOnceMore === ended) this.#doneOnceMore = undefined;
    });
    return outcome;
  }

  async #onceMore<T>(
    error: unknown,
    step: () => MaybePromise<T>,
    others: Promise<unknown> | undefined,
  ): Promise<T> {
    await others;
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenNoneIsUnderWay = resolve;
      });
    }
    await this.#threads?.giveWay(error);
    return step();
  }
}

/** How it ended is told to whoever wanted the step. */
function goOn(): void {}
