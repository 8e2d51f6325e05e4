/**
 * Threads that do what is to be done with the files of large trees, beside the event loop. Node's
 * own pool is no help there: to hand it a call on a small file, and to hear of its end, takes as
 * long as the call. To these goes a directory in one piece. They promise nothing by themselves:
 * what one cannot do is done, or fails, where it would have been without them.
 */
import { availableParallelism } from "node:os";
import { handDescriptors, handQueueMax, handsMax, handsRestMs, smallTreeMs } from "../../limits.ts";
import { messageOf } from "../../protocol/errors.ts";
import { ownProgram } from "../../sandbox/own-program.ts";
import type { Hand, Handled, HandWork } from "./hand.ts";
import { checkDescriptors, loadLibrary } from "./load-library.ts";

/** Undefined when no hand is free. Never fails. */
export type HandOver = (work: HandWork) => Promise<Handled> | undefined;

/** As many as there are cores: beside them the event loop has little to do. */
const handsWanted = Math.min(availableParallelism(), handsMax);

export interface HandsOptions {
  /** Told when there are none for a while, and why. */
  readonly warn?: (text: string) => void;
  /** How long none is started after one has failed. */
  readonly restMs?: number;
}

export class Hands {
  readonly #hands = new Set<Hand>();
  readonly #warn: (text: string) => void;
  readonly #restMs: number;
  #starting: Promise<void> | undefined;
  /** Until then none is asked, nor started. */
  #restsUntilMs = availableParallelism() === 1 ? Number.POSITIVE_INFINITY : 0;

  constructor({ warn = () => {}, restMs = handsRestMs }: HandsOptions = {}) {
    this.#warn = warn;
    this.#restMs = restMs;
  }

  /** For one tree; a small one is done before a hand has started. */
  forTree(): HandOver {
    const largeMs = performance.now() + smallTreeMs;
    return (work) => {
      if (performance.now() < Math.max(largeMs, this.#restsUntilMs)) return undefined;
      if (this.#hands.size < handsWanted) this.#starting ??= this.#start();
      return this.#idlest()?.take(work);
    };
  }

  /** Ends all, for somebody who lacks descriptors, as `reason` says. */
  async giveWay(reason: unknown): Promise<void> {
    if (this.#hands.size === 0 && this.#starting === undefined) return;
    this.#rest(reason);
    await this.#starting;
    await this.#endAll();
  }

  async close(): Promise<void> {
    this.#restsUntilMs = Number.POSITIVE_INFINITY;
    await this.#starting;
    await this.#endAll();
  }

  #idlest(): Hand | undefined {
    const free = [...this.#hands].filter((hand) => hand.load < handQueueMax);
    return free.sort((one, other) => one.load - other.load)[0];
  }

  /** One after the other, for two that start at once keep the event loop from its work. */
  async #start(): Promise<void> {
    try {
      // Few servers need them, and the others start faster without.
      const { Hand } = await loadLibrary(() => import("./hand.ts"));
      const program = (await ownProgram("hand")).toString();
      while (!this.#isResting && this.#hands.size < handsWanted) {
        checkDescriptors(handDescriptors);
        await this.#add(new Hand(program)).started;
      }
    } catch (error) {
      // The system has no more threads, or descriptors for them.
      this.#rest(error);
    } finally {
      this.#starting = undefined;
    }
  }

  #add(hand: Hand): Hand {
    this.#hands.add(hand);
    void hand.ended.then((error) => {
      this.#hands.delete(hand);
      if (error !== undefined) this.#rest(error);
    });
    return hand;
  }

  get #isResting(): boolean {
    return performance.now() < this.#restsUntilMs;
  }

  /** What made one fail may do so again, and each that fails has done its work for nothing. */
  #rest(reason: unknown): void {
    if (this.#isResting) return;
    this.#restsUntilMs = performance.now() + this.#restMs;
    this.#warn(
      `large trees are copied and removed on one thread for ${this.#restMs / 1000} s, which ` +
        `takes longer; others cannot help because of this: ${messageOf(reason)}`,
    );
  }

  async #endAll(): Promise<void> {
    await Promise.all([...this.#hands].map((hand) => hand.end()));
  }
}
