/**
 * Threads that do what is to be done with the files of large trees, beside the event loop. Node's
 * own pool is no help there: to hand it a call on a small file, and to hear of its end, takes as
 * long as the call. To these goes a directory in one piece. They promise nothing by themselves:
 * what one cannot do is done, or fails, where it would have been without them.
 */
import { availableParallelism } from "node:os";
import { handQueueMax, handsMax, smallTreeMs } from "../../limits.ts";
import type { HostPath } from "../../protocol/path-uri.ts";
import { ownProgram } from "../../sandbox/own-program.ts";
import type { Hand } from "./hand.ts";
import { loadLibrary } from "./load-library.ts";

/** The same for some of what is in one directory, to which the path leads until it is done. */
export type HandWork = { readonly names: readonly string[]; readonly directory: HostPath } & (
  | { readonly deed: "removeFlatDirectories" }
  | { readonly deed: "copySmallFiles"; readonly destination: HostPath }
);

export interface Handled {
  /** How many have had their turn: all, unless one failed. */
  readonly count: number;
  /** Places of those that are left to be done otherwise. */
  readonly left: readonly number[];
}

/** Undefined when no hand is free. Never fails. */
export type HandOver = (work: HandWork) => Promise<Handled> | undefined;

/** As many as there are cores: beside them the event loop has little to do. */
const handsWanted = Math.min(availableParallelism(), handsMax);

export class Hands {
  readonly #hands = new Set<Hand>();
  #starting: Promise<void> | undefined;
  #isUnable = availableParallelism() === 1;

  /** For one tree; a small one is done before a hand has started. */
  forTree(): HandOver {
    const largeMs = performance.now() + smallTreeMs;
    return (work) => {
      if (this.#isUnable || performance.now() < largeMs) return undefined;
      if (this.#hands.size < handsWanted) this.#starting ??= this.#start();
      return this.#idlest()?.take(work);
    };
  }

  async close(): Promise<void> {
    this.#isUnable = true;
    await this.#starting;
    await Promise.all([...this.#hands].map((hand) => hand.end()));
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
      while (!this.#isUnable && this.#hands.size < handsWanted) {
        await this.#add(new Hand(program)).started;
      }
    } catch {
      // The system has no more threads, or descriptors for them: it is not asked again.
      this.#isUnable = true;
    } finally {
      this.#starting = undefined;
    }
  }

  #add(hand: Hand): Hand {
    this.#hands.add(hand);
    void hand.ended.then((hasFailed) => {
      this.#hands.delete(hand);
      this.#isUnable ||= hasFailed;
    });
    return hand;
  }
}
