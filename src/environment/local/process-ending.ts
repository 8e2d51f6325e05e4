import { deniedOutputWaitMs } from "../../limits.ts";
import { deferred } from "../../protocol/deferred.ts";
import { isDenial } from "../../sandbox/denial.ts";
import { lateFailure } from "../../sandbox/health-reasons.ts";
import type { Confinement } from "./confined-start.ts";
import type { EventFeed } from "./event-feed.ts";
import type { EndEvent, OutputLog } from "./output-log.ts";
import { settledWithin } from "./settled-within.ts";
import type { ProcessExit } from "./spawn/spawner.ts";
import type { TimeLimit } from "./time-limits.ts";
import { usageOf } from "./usage.ts";

interface ProcessEndingOptions {
  readonly log: OutputLog;
  readonly feed: EventFeed;
  /** What confines the process; nothing when absent. */
  readonly confinement: Confinement | undefined;
  /** The process has exited, its streams have ended, and both have been told. */
  readonly onClosed: () => void;
}

/** How a process comes to its end: it exits, its streams end, in either order, and it is closed. */
export class ProcessEnding {
  readonly #options: ProcessEndingOptions;
  readonly #startedAtMs = performance.now();
  readonly #streamsEnd = deferred<void>();
  #streamsEnded = false;
  #exit: ProcessExit | undefined;
  #denied = false;
  #failure: string | undefined;
  #limit: TimeLimit | undefined;

  constructor(options: ProcessEndingOptions) {
    this.#options = options;
  }

  /** Undefined until it has ended and nothing of its sandbox is left. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Why its program has not run although it could be started. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** The end that comes now, if it has not come yet, is due to a limit. */
  limitReached(limit: TimeLimit): void {
    this.#limit = limit;
  }

  streamsEndedWithin(limitMs: number): Promise<void> {
    return settledWithin(this.#streamsEnd.promise, limitMs);
  }

  streamsEnded(): void {
    this.#streamsEnded = true;
    this.#streamsEnd.resolve();
    if (this.#exit) this.#tell();
  }

  /**
   * The exit is told one turn later: output that was readable together with it is delivered in this
   * turn and so comes first, and a stream that somebody else holds open delays nothing.
   */
  exited(exit: ProcessExit): void {
    const { confinement } = this.#options;
    if (confinement) void this.#leaveConfinement(confinement, exit);
    else this.#enterExit(exit);
  }

  /**
   * What the sandbox needed in the workspace is gone before anybody is told of the end, and whether
   * something was denied can only be told from the output.
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
    if (this.#streamsEnded) this.#tell();
    else setImmediate(() => this.#tell());
  }

  /** Tells the exit unless that is done, and the closing when both have happened. */
  #tell(): void {
    const { log, feed, onClosed } = this.#options;
    if (!this.#exit || log.closed) return;
    if (log.exitCode === null) feed.tell(this.#enteredExit(this.#exit));
    if (!this.#streamsEnded) return;
    feed.tell(log.close());
    onClosed();
  }

  #enteredExit(exit: ProcessExit): EndEvent {
    return this.#options.log.exit({
      exitCode: exit.exitCode,
      sandboxDenied: this.#denied,
      ...(this.#limit && { reason: this.#limit }),
      usage: usageOf(exit, performance.now() - this.#startedAtMs),
    });
  }
}
