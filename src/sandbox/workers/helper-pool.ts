/**
 * A pool of warm fs-helpers. A worker serves one connection (its owner) under one policy in one
 * state of the file system (its world), and only while all three stay the same: its mounts depend
 * on them.
 */
import { PatientTimer } from "../../async/patient-timer.ts";
import { internalError } from "../../protocol/errors.ts";
import { WorldChangedError } from "../policy/world-changed-error.ts";
import { crewClosed, HelperCrew, type Recipe } from "./helper-crew.ts";
import { HelperWorker, type WorkerLimits } from "./helper-worker.ts";

export interface PoolLimits extends WorkerLimits {
  readonly workersMax: number;
  readonly workersPerCrewMax: number;
  readonly crowdMs: number;
  readonly idleMs: number;
}

export class HelperPool {
  readonly #limits: PoolLimits;
  readonly #crews = new Map<string, HelperCrew>();
  /** Workers started ahead, by world: the first owner with that policy and world gets it. */
  readonly #spares = new Map<string, Promise<HelperWorker>>();
  /** Longest idle first. */
  readonly #idle = new Set<HelperWorker>();
  /** What lets each start that waits for a place go on. */
  readonly #waitingStarts: (() => void)[] = [];
  /** All workers, each with the timer that ends it when it has been idle for long. */
  readonly #all = new Map<HelperWorker, NodeJS.Timeout>();
  #places: number;
  #isClosed = false;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
    this.#places = limits.workersMax;
  }

  /** `world` names policy and state of the world; `recipe` makes a worker for them. */
  crew(owner: string, world: string, recipe: () => Promise<Recipe>): HelperCrew {
    const key = `${owner}\n${world}`;
    const known = this.#crews.get(key);
    if (known) return known;
    const crew: HelperCrew = new HelperCrew({
      workersMax: this.#limits.workersPerCrewMax,
      crowdMs: this.#limits.crowdMs,
      start: () => {
        // The pool forgot the crew with its last worker, but its connection still uses it.
        this.#crews.set(key, crew);
        return this.#takeSpare(world) ?? this.#start(recipe);
      },
      idle: (worker) => this.#setIdle(worker),
      busy: (worker) => this.#idle.delete(worker),
      emptied: () => this.#forget(key, crew),
    });
    this.#crews.set(key, crew);
    return crew;
  }

  /**
   * Starts a worker before one is needed. A failure is ignored: the first use will meet it, too.
   */
  prepare(world: string, recipe: () => Promise<Recipe>): void {
    if (this.#spares.has(world) || this.#places === 0) return;
    const spare = this.#start(recipe);
    this.#spares.set(world, spare);
    const forget = () => {
      if (this.#spares.get(world) === spare) this.#spares.delete(world);
    };
    spare.then((worker) => {
      this.#setIdle(worker);
      return worker.ended.then(forget);
    }, forget);
  }

  /** The owner has gone: its workers end when their work is done. */
  release(owner: string): void {
    for (const [key, crew] of this.#crews) {
      if (!key.startsWith(`${owner}\n`)) continue;
      crew.drain(this.#limits.operationMs);
      if (crew.isEmpty) this.#forget(key, crew);
    }
  }

  /**
   * Numbers of workers at work or with open files, of idle ones, and of starts that wait for a
   * place.
   */
  get census() {
    const idle = this.#idle.size;
    return { busy: this.#all.size - idle, idle, waiting: this.#waitingStarts.length };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const crew of this.#crews.values()) crew.close();
    this.#crews.clear();
    for (const worker of this.#all.keys()) worker.kill();
    await Promise.all([...this.#all.keys()].map((worker) => worker.ended));
  }

  #takeSpare(world: string): Promise<HelperWorker> | undefined {
    const spare = this.#spares.get(world);
    this.#spares.delete(world);
    return spare;
  }

  async #start(recipe: () => Promise<Recipe>): Promise<HelperWorker> {
    if (this.#isClosed) throw crewClosed();
    await this.#place();
    const { worker, isStill } = await this.#workerBy(recipe).catch((error) => {
      this.#freePlace();
      throw error;
    });
    let isWanted = false;
    try {
      isWanted = !this.#isClosed && (await isStill());
    } finally {
      // `#onEnded` frees its place.
      if (!isWanted) worker.kill();
    }
    if (isWanted) return worker;
    throw new WorldChangedError();
  }

  async #workerBy(recipe: () => Promise<Recipe>) {
    const { isStill, ...parts } = await recipe();
    const worker = await HelperWorker.start(parts, this.#limits).catch(async (error) => {
      // What bwrap was to mount may have gone, such as a mount point of another server.
      throw (await isStill()) ? error : new WorldChangedError();
    });
    this.#all.set(worker, this.#idleTimer(worker));
    void worker.ended.then(() => this.#onEnded(worker));
    return { worker, isStill };
  }

  #onEnded(worker: HelperWorker): void {
    clearTimeout(this.#all.get(worker));
    this.#all.delete(worker);
    this.#idle.delete(worker);
    this.#freePlace();
  }

  #forget(key: string, crew: HelperCrew): void {
    if (this.#crews.get(key) === crew) this.#crews.delete(key);
  }

  /** A worker with open files does not count as idle: no other can read or write them. */
  #setIdle(worker: HelperWorker): void {
    this.#idle.delete(worker);
    if (worker.handles.size > 0) return;
    if (this.#waitingStarts.length > 0) {
      worker.end();
      return;
    }
    this.#all.get(worker)?.refresh();
    this.#idle.add(worker);
  }

  /**
   * One timer for the whole life of a worker: creating and clearing one takes as long as a read.
   */
  #idleTimer(worker: HelperWorker): NodeJS.Timeout {
    const end = () => {
      if (this.#idle.has(worker)) worker.end();
    };
    return setTimeout(end, this.#limits.idleMs).unref();
  }

  /** Waits for a place in the pool, for which the longest idle worker is ended. */
  async #place(): Promise<void> {
    if (this.#places > 0) {
      this.#places--;
      return;
    }
    const [longestIdle] = this.#idle;
    if (longestIdle) {
      // No longer idle, so that the next start that needs a place ends another worker.
      this.#idle.delete(longestIdle);
      longestIdle.kill();
    }
    await new Promise<void>((resolve, reject) => {
      const proceed = () => {
        timer.stop();
        resolve();
      };
      const timer = new PatientTimer(this.#limits.startMs, () => {
        this.#waitingStarts.splice(this.#waitingStarts.indexOf(proceed), 1);
        reject(allInUse(this.#limits.workersMax));
      });
      this.#waitingStarts.push(proceed);
    });
  }

  #freePlace(): void {
    const proceed = this.#waitingStarts.shift();
    if (proceed) proceed();
    else this.#places++;
  }
}

function allInUse(count: number) {
  return internalError(
    `all ${count} sandbox helpers are busy or hold open files: close file handles, or try again`,
  );
}
