import { Worker } from "node:worker_threads";
import { fileThreadIdleMs, fileThreadYoungHeapMiB } from "../../../limits.ts";
import type { HostPath } from "../../../protocol/path-uri.ts";

/** A task for some entries of a directory, whose path stays valid until the task is done. */
export type ThreadWork = { readonly names: readonly string[]; readonly directory: HostPath } & (
  | { readonly task: "removeFlatDirectories" }
  | { readonly task: "copySmallFiles"; readonly destination: HostPath }
);

export interface WorkDone {
  /** The number of entries that were tried: all, unless one failed. */
  readonly count: number;
  /** Indexes of those that must be done by other means. */
  readonly left: readonly number[];
}

/** One file thread. It ends after `fileThreadIdleMs` without work. */
export class FileThread {
  /** Settles when it can take work, or has ended. */
  readonly started: Promise<void>;
  /** Settles when it has ended, with the error if it failed. */
  readonly ended: Promise<Error | undefined>;
  readonly #thread: Worker;
  readonly #idle: NodeJS.Timeout;
  /** Callers of `take`, in order; work is done in that order. */
  readonly #waiting: ((handled: WorkDone) => void)[] = [];
  #isReady = false;

  /** Throws when the system has no thread, or no memory for it. */
  constructor(program: string) {
    const thread = new Worker(program, threadOptions);
    this.#thread = thread;
    this.#idle = setTimeout(() => this.#endUnlessAtWork(), fileThreadIdleMs).unref();
    thread.on("message", (handled: WorkDone) => this.#done(handled));
    this.ended = new Promise((resolve) => {
      thread.on("error", resolve);
      thread.on("exit", () => {
        this.#answerUndone();
        resolve(undefined);
      });
    });
    this.started = new Promise((resolve) => {
      thread.on("online", () => {
        this.#isReady = true;
        thread.unref();
        resolve();
      });
      thread.on("exit", () => resolve());
    });
  }

  /** The number of tasks it has; infinite while it can take none. */
  get load(): number {
    return this.#isReady ? this.#waiting.length : Number.POSITIVE_INFINITY;
  }

  take(work: ThreadWork): Promise<WorkDone> {
    // This process must not end before the work is done.
    this.#thread.ref();
    this.#thread.postMessage(work);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends the thread; its tasks are answered as not done. */
  async end(): Promise<void> {
    this.#isReady = false;
    // Without this, the process could end before the thread has.
    this.#thread.ref();
    await this.#thread.terminate();
  }

  /** Ends the idle thread; if it has work, the timer starts again after that. */
  #endUnlessAtWork(): void {
    if (this.#waiting.length === 0) void this.end();
  }

  #done(handled: WorkDone): void {
    this.#waiting.shift()?.(handled);
    // No change while it is being ended, which is awaited.
    if (this.#waiting.length > 0 || !this.#isReady) return;
    this.#thread.unref();
    this.#idle.refresh();
  }

  /** Answers all tasks as not done: how far it came is not known, but they can be repeated. */
  #answerUndone(): void {
    this.#isReady = false;
    clearTimeout(this.#idle);
    for (const resolve of this.#waiting.splice(0)) resolve({ count: 0, left: [] });
  }
}

/** The thread gets no variables, arguments and options. */
const threadOptions = {
  eval: true,
  argv: [],
  env: {},
  execArgv: [],
  // Only this is bounded: the entries of a large directory need as much memory as on the main
  // thread.
  resourceLimits: { maxYoungGenerationSizeMb: fileThreadYoungHeapMiB },
};
