import { Buffer } from "node:buffer";
import { deferred } from "../../../async/deferred.ts";
import { settledWithin } from "../../../async/settled-within.ts";
import { complaintBytesMax } from "../../../limits.ts";
import type { ProcessExit, ProcessSink } from "../spawn/start/spawner.ts";
import { wholeEnd } from "../spawn/start/whole-end.ts";

type SinkCall = (to: ProcessSink) => void;

/**
 * A sink that records what a process does until it is known where to pass it on. A confined start
 * uses it until the program runs inside; only bwrap can have printed something by then.
 */
export class HeldSink implements ProcessSink {
  readonly #over = deferred<void>();
  readonly #end = wholeEnd(() => this.#over.resolve());
  readonly #held: SinkCall[] = [];
  #words = "";
  #to: ProcessSink | undefined;

  /** What the process has printed, once it has ended and all is read, or after `limitMs`. */
  async lastWords(limitMs: number): Promise<string> {
    await settledWithin(this.#over.promise, limitMs);
    return this.#words;
  }

  /** Replays what was recorded to `sink`, which gets everything from now on. */
  passTo(sink: ProcessSink): void {
    this.#to = sink;
    for (const call of this.#held.splice(0)) call(sink);
  }

  output(...[stream, bytes]: Parameters<ProcessSink["output"]>): void {
    if (this.#to) {
      this.#to.output(stream, bytes);
      return;
    }
    // Its memory may be used again after this call.
    const kept = Buffer.from(bytes);
    this.#words = (this.#words + kept.toString("utf8")).slice(0, complaintBytesMax);
    this.#held.push((to) => to.output(stream, kept));
  }

  exited(exit: ProcessExit): void {
    this.#passOn((to) => to.exited(exit));
    this.#end.exited(exit);
  }

  ended(): void {
    this.#passOn((to) => to.ended());
    this.#end.ended();
  }

  drained(): void {
    this.#passOn((to) => to.drained());
  }

  stdinGone(): void {
    this.#passOn((to) => to.stdinGone());
  }

  #passOn(call: SinkCall): void {
    if (this.#to) call(this.#to);
    else this.#held.push(call);
  }
}
