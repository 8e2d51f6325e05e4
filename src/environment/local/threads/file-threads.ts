/**
 * Worker threads that copy and remove the files of large trees beside the event loop. Node's own
 * thread pool does not help with small files: handing it one call and hearing of its end takes as
 * long as the call. A file thread gets many files of one directory at once. Threads are optional:
 * whatever one does not do is done on the event loop, and errors are reported from there.
 */
import { availableParallelism } from "node:os";
import {
  fileThreadDescriptors,
  fileThreadQueueMax,
  fileThreadsMax,
  fileThreadsRestMs,
  smallTreeMs,
} from "../../../limits.ts";
import { messageOf } from "../../../protocol/errors.ts";
import { ownProgram } from "../../../sandbox/workers/own-program.ts";
import { checkDescriptors, loadLibrary } from "../../../system/load-library.ts";
import type { FileThread, ThreadWork, WorkDone } from "./file-thread.ts";

/** Hands work to a thread; undefined when none is free. The promise never rejects. */
export type HandOver = (work: ThreadWork) => Promise<WorkDone> | undefined;

/** One for each core: the event loop itself has little to do while they work. */
const threadsWanted = Math.min(availableParallelism(), fileThreadsMax);

export interface FileThreadsOptions {
  /** Called with the reason when threads are not used for a while. */
  readonly warn?: (text: string) => void;
  /** How long no thread is started after one has failed; 30 s when absent. */
  readonly restMs?: number;
}

export class FileThreads {
  readonly #threads = new Set<FileThread>();
  readonly #warn: (text: string) => void;
  readonly #restMs: number;
  #starting: Promise<void> | undefined;
  /** Until this time threads are neither started nor given work. With one core they never help. */
  #restsUntilMs = availableParallelism() === 1 ? Number.POSITIVE_INFINITY : 0;

  constructor({ warn = () => {}, restMs = fileThreadsRestMs }: FileThreadsOptions = {}) {
    this.#warn = warn;
    this.#restMs = restMs;
  }

  /**
   * Makes the hand-over for one tree. Threads help only with large trees, so it hands over only
   * after `smallTreeMs`.
   */
  forTree(): HandOver {
    const largeMs = performance.now() + smallTreeMs;
    return (work) => {
      if (performance.now() < Math.max(largeMs, this.#restsUntilMs)) return undefined;
      if (this.#threads.size < threadsWanted) this.#starting ??= this.#start();
      return this.#idlest()?.take(work);
    };
  }

  /** Ends all threads to free their descriptors for an operation that failed with `reason`. */
  async giveWay(reason: unknown): Promise<void> {
    if (this.#threads.size === 0 && this.#starting === undefined) return;
    this.#rest(reason);
    await this.#starting;
    await this.#endAll();
  }

  async close(): Promise<void> {
    this.#restsUntilMs = Number.POSITIVE_INFINITY;
    await this.#starting;
    await this.#endAll();
  }

  #idlest(): FileThread | undefined {
    const free = [...this.#threads].filter((thread) => thread.load < fileThreadQueueMax);
    return free.sort((one, other) => one.load - other.load)[0];
  }

  /**
   * Starts threads one after the other: two at the same time would block the event loop too long.
   */
  async #start(): Promise<void> {
    try {
      // Imported late, because few servers need it and all start faster without.
      const { FileThread } = await loadLibrary(() => import("./file-thread.ts"));
      const program = (await ownProgram("file-thread")).toString();
      while (!this.#isResting && this.#threads.size < threadsWanted) {
        checkDescriptors(fileThreadDescriptors);
        await this.#add(new FileThread(program)).started;
      }
    } catch (error) {
      // The system has no more threads, or descriptors for them.
      this.#rest(error);
    } finally {
      this.#starting = undefined;
    }
  }

  #add(thread: FileThread): FileThread {
    this.#threads.add(thread);
    void thread.ended.then((error) => {
      this.#threads.delete(thread);
      if (error !== undefined) this.#rest(error);
    });
    return thread;
  }

  get #isResting(): boolean {
    return performance.now() < this.#restsUntilMs;
  }

  /**
   * Uses no threads for a while: the cause of a failure may persist, and the work of a thread that
   * fails is lost.
   */
  #rest(reason: unknown): void {
    if (this.#isResting) return;
    this.#restsUntilMs = performance.now() + this.#restMs;
    this.#warn(
      `large trees are copied and removed on one thread for ${this.#restMs / 1000} s, which ` +
        `takes longer; others cannot help because of this: ${messageOf(reason)}`,
    );
  }

  async #endAll(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }
}
