import { Worker } from "node:worker_threads";
import { fileThreadIdleMs, fileThreadYoungHeapMiB } from "../../limits.ts";
import type { HostPath } from "../../protocol/path-uri.ts";

/** One task for some entries of a directory, whose path stays valid until the task is done. */
export type ThreadWork = { readonly names: readonly string[]; readonly directory: HostPath } & (
  | { readonly task: "removeFlatDirectories" }
  | { readonly task: "copySmallFiles"; readonly destination: HostPath }
);

export interface WorkDone {
  /** How many have had their turn: all, unless one failed. */
  readonly count: number;
  /** Places of those that are left to be done otherwise. */
  readonly left: readonly number[];
}

/** One thread. It ends when it has had nothing to do for a while. */
export class FileThread {
  /** Settles when it can be given work, or never will be. */
  readonly started: Promise<void>;
  /** Why it failed, when it has ended; undefined if it did not. */
  readonly ended: Promise<Error | undefined>;
  readonly #thread: Worker;
  readonly #idle: NodeJS.Timeout;
  /** Those who wait for their work; it is done in the order it was given. */
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
        this.#giveUp();
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

  /** Pieces of work that it has been given; it takes none while that is infinite. */
  get load(): number {
    return this.#isReady ? this.#waiting.length : Number.POSITIVE_INFINITY;
  }

  take(work: ThreadWork): Promise<WorkDone> {
    // This process must not end in the middle of it.
    this.#thread.ref();
    this.#thread.postMessage(work);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives up what it has been given. */
  async end(): Promise<void> {
    this.#isReady = false;
    // Its end would never be heard of where nothing else keeps this process.
    this.#thread.ref();
    await this.#thread.terminate();
  }

  /** The time begins anew when the work is done. */
  #endUnlessAtWork(): void {
    if (this.#waiting.length === 0) void this.end();
  }

  #done(handled: WorkDone): void {
    this.#waiting.shift()?.(handled);
    // Its end is waited for, if it is about to end.
    if (this.#waiting.length > 0 || !this.#isReady) return;
    this.#thread.unref();
    this.#idle.refresh();
  }

  /** How far it has come is not known, but all of it can be done once more. */
  #giveUp(): void {
    this.#isReady = false;
    clearTimeout(this.#idle);
    for (const resolve of this.#waiting.splice(0)) resolve({ count: 0, left: [] });
  }
}

/** Of its own it has nothing: no variables, no options. */
const threadOptions = {
  eval: true,
  argv: [],
  env: {},
  execArgv: [],
  // Nothing but this is bounded: the list of a directory takes here what it would take there.
  resourceLimits: { maxYoungGenerationSizeMb: fileThreadYoungHeapMiB },
};
