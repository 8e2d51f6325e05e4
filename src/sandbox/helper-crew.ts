import { internalError } from "../protocol/errors.ts";
import type { HelperWorker, WorkerParts } from "./helper-worker.ts";

/** How a worker comes to be. */
export interface Recipe extends WorkerParts {
  /** Asked when the worker is up: whether what it was made for is still so. */
  isStill(): boolean | Promise<boolean>;
}

interface Job {
  run(worker: HelperWorker): Promise<void>;
  fail(error: unknown): void;
}

/** What a crew asks of the pool. */
export interface Hiring {
  readonly workersMax: number;
  readonly crowdMs: number;
  hire(): Promise<HelperWorker>;
  /** The worker has nothing to do: it may be let go from now on, or is wanted elsewhere. */
  idle(worker: HelperWorker): void;
  busy(worker: HelperWorker): void;
  /** The last worker has gone, or could not be hired, and nothing waits for one. */
  emptied(): void;
}

/** Workers of one owner under one policy in one state of the world, and what waits for them. */
export class HelperCrew {
  readonly #hiring: Hiring;
  readonly #workers = new Set<HelperWorker>();
  readonly #idle: HelperWorker[] = [];
  readonly #jobs: Job[] = [];
  #hires = 0;
  /** Working: until the owner goes. Retiring: what was asked for is done. Disbanded: nothing is. */
  #stage: "working" | "retiring" | "disbanded" = "working";
  #endTimer: NodeJS.Timeout | undefined;
  #crowdTimer: NodeJS.Timeout | undefined;

  constructor(hiring: Hiring) {
    this.#hiring = hiring;
  }

  get isEmpty(): boolean {
    return this.#workers.size + this.#hires + this.#jobs.length === 0;
  }

  /** Gives `work` a worker for itself as soon as there is one. */
  run<T>(work: (worker: HelperWorker) => Promise<T>): Promise<T> {
    if (this.#stage === "disbanded") return Promise.reject(tooLate());
    const worker = this.#jobs.length === 0 ? this.#takeIdle() : undefined;
    if (worker) return this.#serve(worker, work);
    return new Promise((resolve, reject) => {
      const run = (hired: HelperWorker) => this.#serve(hired, work).then(resolve, reject);
      this.#jobs.push({ run, fail: reject });
      this.#advance();
    });
  }

  /** A worker that held files open holds none any more. */
  rest(worker: HelperWorker): void {
    if (this.#idle.includes(worker)) this.#hiring.idle(worker);
  }

  /**
   * The owner has gone, and may come back to ask how it went: what runs or waits is done, and then
   * the workers leave, with the files they hold open. What takes longer than `limitMs` is killed.
   */
  retire(limitMs: number): void {
    if (this.#stage !== "working") return;
    this.#stage = "retiring";
    this.#endTimer = setTimeout(() => this.disband(), limitMs).unref();
    this.#advance();
  }

  /** Ends everything; a worker that is still being started goes as soon as it is up. */
  disband(): void {
    this.#stage = "disbanded";
    clearTimeout(this.#crowdTimer);
    for (const job of this.#jobs.splice(0)) job.fail(tooLate());
    for (const worker of this.#workers) worker.kill();
  }

  #advance(): void {
    while (this.#jobs.length > 0) {
      const worker = this.#takeIdle();
      if (!worker) {
        this.#hireIfNeeded();
        return;
      }
      void this.#jobs.shift()?.run(worker);
    }
    if (this.#stage === "retiring") for (const worker of this.#idle.splice(0)) worker.leave();
  }

  #takeIdle(): HelperWorker | undefined {
    for (let worker = this.#idle.pop(); worker; worker = this.#idle.pop()) {
      if (worker.isEnded) continue;
      // One with open files stays, for nobody else could read or write them.
      if (!worker.hasLostJournal || worker.handles.size > 0) return worker;
      worker.end();
    }
    return undefined;
  }

  async #serve<T>(worker: HelperWorker, work: (worker: HelperWorker) => Promise<T>): Promise<T> {
    this.#hiring.busy(worker);
    try {
      return await work(worker);
    } finally {
      this.#offer(worker);
    }
  }

  /** It serves whoever waits. */
  #offer(worker: HelperWorker): void {
    if (!worker.isEnded) this.#idle.push(worker);
    if (this.#jobs.length > 0 || this.#stage !== "working") this.#advance();
    else if (!worker.isEnded) this.#hiring.idle(worker);
  }

  /** The first at once; more when somebody has been waiting behind a slow operation. */
  #hireIfNeeded(): void {
    if (this.#workers.size + this.#hires === 0) {
      void this.#hire();
      return;
    }
    this.#crowdTimer ??= setTimeout(() => {
      this.#crowdTimer = undefined;
      const count = this.#workers.size + this.#hires;
      if (this.#jobs.length > 0 && count < this.#hiring.workersMax) void this.#hire();
    }, this.#hiring.crowdMs);
  }

  async #hire(): Promise<void> {
    this.#hires++;
    try {
      const worker = await this.#hiring.hire().finally(() => this.#hires--);
      this.#workers.add(worker);
      void worker.ended.then(() => this.#lose(worker));
      if (this.#stage === "disbanded") worker.kill();
      // Whom it was hired for may have been served meanwhile.
      else this.#offer(worker);
    } catch (error) {
      if (this.#workers.size === 0) for (const job of this.#jobs.splice(0)) job.fail(error);
      this.#advance();
      this.#tellIfEmpty();
    }
  }

  #lose(worker: HelperWorker): void {
    this.#workers.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#advance();
    this.#tellIfEmpty();
  }

  #tellIfEmpty(): void {
    if (!this.isEmpty) return;
    clearTimeout(this.#endTimer);
    this.#hiring.emptied();
  }
}

export function tooLate() {
  return internalError("the connection or the server has ended");
}
