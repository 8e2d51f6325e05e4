import type { MaybePromise } from "../../../../protocol/methods.ts";
import { isDescriptorShortage } from "../../../../protocol/shortages.ts";
import type { FileThreads } from "../../threads/file-threads.ts";

/**
 * Runs the steps of one operation, each of which holds files open only while it runs. A step that
 * finds no free descriptor is repeated once, when no other step of the operation and no file thread
 * holds any: it fails only if it would have failed alone.
 */
export class DescriptorUse {
  readonly #threads: FileThreads | undefined;
  #underWay = 0;
  #whenNoneIsUnderWay = () => {};
  /** Settles when the repeated steps have ended; all other steps wait for that. */
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

/** The caller of a step is told how it ended; those behind it go on. */
function goOn(): void {}
