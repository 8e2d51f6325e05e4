import { deferred } from "../../../async/deferred.ts";
import { settledWithin } from "../../../async/settled-within.ts";
import { deniedOutputWaitMs } from "../../../limits.ts";
import { lateFailure } from "../../../sandbox/bwrap/health-reasons.ts";
import { isDenial } from "../../../sandbox/denial.ts";
import type { EventFeed } from "../output/event-feed.ts";
import type { EndEvent, OutputLog } from "../output/output-log.ts";
import type { ProcessExit } from "../spawn/start/spawner.ts";
import type { Confinement } from "./confined-start.ts";
import type { TimeLimit } from "./time-limits.ts";
import { usageOf } from "./usage.ts";

interface ProcessEndingOptions {
  readonly log: OutputLog;
  readonly feed: EventFeed;
  /** The sandbox of the process; it is not confined when absent. */
  readonly confinement: Confinement | undefined;
  /** Called when the process has exited, its streams have ended, and both events were sent. */
  readonly onClosed: () => void;
}

/**
 * Follows the end of a process: it exits and its streams end, in either order, and then it is
 * closed.
 */
export class ProcessEnding {
  readonly #options: ProcessEndingOptions;
  readonly #startedAtMs = performance.now();
  readonly #streamsEnd = deferred<void>();
  #streamsEnded = false;
  #exit: ProcessExit | undefined;
  #denied = false;
  /** Why its program did not run although the start succeeded. */
  #failure: string | undefined;
  #limit: TimeLimit | undefined;

  constructor(options: ProcessEndingOptions) {
    this.#options = options;
  }

  /** Undefined until the process has ended and nothing of its sandbox is left. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** The process will be killed because of this limit, unless it has ended already. */
  limitReached(limit: TimeLimit): void {
    this.#limit = limit;
  }

  streamsEndedWithin(limitMs: number): Promise<void> {
    return settledWithin(this.#streamsEnd.promise, limitMs);
  }

  streamsEnded(): void {
    this.#streamsEnded = true;
    this.#streamsEnd.resolve();
    if (this.#exit) this.#report();
  }

  /**
   * Reports the exit one turn later: output that became readable together with it is delivered in
   * this turn and so comes first. A stream that another process holds open delays nothing.
   */
  exited(exit: ProcessExit): void {
    const { confinement } = this.#options;
    if (confinement) void this.#leaveConfinement(confinement, exit);
    else this.#enterExit(exit);
  }

  /**
   * Reports the exit when the sandbox's mount points in the workspace are gone, and the output
   * tells whether something was denied.
   */
  async #leaveConfinement({ ended, standIns }: Confinement, exit: ProcessExit): Promise<void> {
    await ended();
    if (exit.exitCode !== 0) await this.#judge(exit.exitCode, standIns());
    this.#enterExit(exit);
  }

  async #judge(exitCode: number, standIns: readonly string[]): Promise<void> {
    await this.streamsEndedWithin(deniedOutputWaitMs);
    const output = this.#options.log.retainedText();
    this.#denied = isDenial({ exitCode, output, standIns });
    this.#failure = lateFailure(output);
  }

  #enterExit(exit: ProcessExit): void {
    this.#exit = exit;
    if (this.#streamsEnded) this.#report();
    else setImmediate(() => this.#report());
  }

  /** Reports the exit, unless that is done, and the closing when the streams have ended, too. */
  #report(): void {
    const { log, feed, onClosed } = this.#options;
    if (!this.#exit || log.closed) return;
    if (log.exitCode === null) feed.sendEnd(this.#enteredExit(this.#exit));
    if (!this.#streamsEnded) return;
    feed.sendEnd(log.close());
    onClosed();
  }

  #enteredExit(exit: ProcessExit): EndEvent {
    return this.#options.log.exit({
      exitCode: exit.exitCode,
      sandboxDenied: this.#denied,
      ...(this.#failure !== undefined && { failure: this.#failure }),
      ...(this.#limit && { reason: this.#limit }),
      usage: usageOf(exit, performance.now() - this.#startedAtMs),
    });
  }
}
