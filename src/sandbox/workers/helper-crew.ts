import { internalError } from "../../protocol/errors.ts";
import type { HelperWorker, WorkerParts } from "./helper-worker.ts";

/** How to start a worker. */
export interface Recipe extends WorkerParts {
  /** Called when the worker is up: whether the world is still the one it was started for. */
  isStill(): boolean | Promise<boolean>;
}

interface Job {
  run(worker: HelperWorker): Promise<void>;
  fail(error: unknown): void;
}

/** What a crew needs from its pool. */
export interface WorkerSource {
  readonly workersMax: number;
  readonly crowdMs: number;
  start(): Promise<HelperWorker>;
  /** The worker is idle, and may be ended for another from now on. */
  idle(worker: HelperWorker): void;
  busy(worker: HelperWorker): void;
  /** The last worker has ended or could not be started, and no job waits. */
  emptied(): void;
}

/** The workers of one owner under one policy in one world, and the jobs that wait for them. */
export class HelperCrew {
  readonly #source: WorkerSource;
  readonly #workers = new Set<HelperWorker>();
  readonly #idle: HelperWorker[] = [];
  readonly #jobs: Job[] = [];
  #starts = 0;
  /**
   * Open until the owner goes; draining while remaining jobs run; closed when no job runs any more.
   */
  #stage: "open" | "draining" | "closed" = "open";
  #drainTimer: NodeJS.Timeout | undefined;
  #crowdTimer: NodeJS.Timeout | undefined;

  constructor(source: WorkerSource) {
    this.#source = source;
  }

  get isEmpty(): boolean {
    return this.#workers.size + this.#starts + this.#jobs.length === 0;
  }

  /** Runs `work` with a worker of its own as soon as one is free. */
  run<T>(work: (worker: HelperWorker) => Promise<T>): Promise<T> {
    if (this.#stage === "closed") return Promise.reject(crewClosed());
    const worker = this.#jobs.length === 0 ? this.#takeIdle() : undefined;
    if (worker) return this.#serve(worker, work);
    return new Promise((resolve, reject) => {
      const run = (started: HelperWorker) => this.#serve(started, work).then(resolve, reject);
      this.#jobs.push({ run, fail: reject });
      this.#advance();
    });
  }

  /** The last open file of a worker was closed, so it may count as idle. */
  filesClosed(worker: HelperWorker): void {
    if (this.#idle.includes(worker)) this.#source.idle(worker);
  }

  /**
   * The owner has gone, but may return for the results: running and waiting jobs are finished, then
   * the workers end, with their open files. Whatever runs longer than `limitMs` is killed.
   */
  drain(limitMs: number): void {
    if (this.#stage !== "open") return;
    this.#stage = "draining";
    this.#drainTimer = setTimeout(() => this.close(), limitMs).unref();
    this.#advance();
  }

  /** Fails all jobs and kills all workers, also one that is still starting. */
  close(): void {
    this.#stage = "closed";
    clearTimeout(this.#crowdTimer);
    for (const job of this.#jobs.splice(0)) job.fail(crewClosed());
    for (const worker of this.#workers) worker.kill();
  }

  #advance(): void {
    while (this.#jobs.length > 0) {
      const worker = this.#takeIdle();
      if (!worker) {
        this.#startIfNeeded();
        return;
      }
      void this.#jobs.shift()?.run(worker);
    }
    if (this.#stage === "draining") for (const worker of this.#idle.splice(0)) worker.leave();
  }

  #takeIdle(): HelperWorker | undefined {
    for (let worker = this.#idle.pop(); worker; worker = this.#idle.pop()) {
      if (worker.isEnded) continue;
      // A worker with open files stays, because no other can read or write them.
      if (!worker.hasLostJournal || worker.handles.size > 0) return worker;
      worker.end();
    }
    return undefined;
  }

  async #serve<T>(worker: HelperWorker, work: (worker: HelperWorker) => Promise<T>): Promise<T> {
    this.#source.busy(worker);
    try {
      return await work(worker);
    } finally {
      this.#offer(worker);
    }
  }

  /** The worker is free: gives it the next job, or reports it as idle. */
  #offer(worker: HelperWorker): void {
    if (!worker.isEnded) this.#idle.push(worker);
    if (this.#jobs.length > 0 || this.#stage !== "open") this.#advance();
    else if (!worker.isEnded) this.#source.idle(worker);
  }

  /** Starts the first worker at once, and more when a job has waited for `crowdMs`. */
  #startIfNeeded(): void {
    if (this.#workers.size + this.#starts === 0) {
      void this.#startWorker();
      return;
    }
    this.#crowdTimer ??= setTimeout(() => {
      this.#crowdTimer = undefined;
      const count = this.#workers.size + this.#starts;
      if (this.#jobs.length > 0 && count < this.#source.workersMax) void this.#startWorker();
    }, this.#source.crowdMs);
  }

  async #startWorker(): Promise<void> {
    this.#starts++;
    try {
      const worker = await this.#source.start().finally(() => this.#starts--);
      this.#workers.add(worker);
      void worker.ended.then(() => this.#lose(worker));
      if (this.#stage === "closed") worker.kill();
      // Another worker may have served the job meanwhile.
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
    clearTimeout(this.#drainTimer);
    this.#source.emptied();
  }
}

export function crewClosed() {
  return internalError("the connection or the server has ended");
}
