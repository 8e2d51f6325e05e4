/** One running fs-helper: requests go in as lines, answers come back in the same order. */
import { Buffer } from "node:buffer";
import { release } from "node:os";
import { deferred } from "../../async/deferred.ts";
import { PatientTimer } from "../../async/patient-timer.ts";
import { complaintBytesMax } from "../../limits.ts";
import { internalError, messageOf, RpcError } from "../../protocol/errors.ts";
import type { HelperConfinement, HelperResponse } from "../../protocol/fs-helper.ts";
import { LineBuffer } from "../../protocol/line-buffer.ts";
import type { Bwrap } from "../bwrap/find-bwrap.ts";
import { startFailure } from "../bwrap/health-reasons.ts";
import type { Grants } from "../policy/access.ts";
import type { HelperLaunch } from "./launch.ts";
import {
  type StartWorker,
  startWorkerAlone,
  type WorkerEnding,
  type WorkerListener,
  type WorkerProcess,
} from "./worker-process.ts";

export interface WorkerLimits {
  readonly startMs: number;
  readonly operationMs: number;
}

interface Waiting {
  /** The timer of this request only. */
  readonly timer: PatientTimer;
  resolve(response: unknown): void;
  reject(error: Error): void;
}

/** A journal of the worker's next writes, for the case that it is killed. */
export interface LentJournal {
  readonly fd: number;
  /** False when it was removed, so that its content could not be found after a crash. */
  readonly isThere: boolean;
  /**
   * To be called when the worker has ended: finishes its interrupted write, where it was allowed to
   * write.
   */
  finish(): Promise<void>;
}

/** Makes a journal for a worker with these grants. Undefined when there can be none. */
export type LendJournal = (grants: Grants) => Promise<LentJournal | undefined>;

/** What a worker is started with. */
export interface WorkerParts {
  /** `seccompFd` is the descriptor from which bwrap reads the seccomp program. */
  launch(seccompFd: number): HelperLaunch;
  /** What is launched. */
  readonly bwrap: Bwrap;
  readonly grants: Grants;
  readonly lendJournal?: LendJournal | undefined;
  readonly startWorker?: StartWorker | undefined;
  /**
   * Rejects when bwrap has made other mounts than intended. `isUp` settles when the worker answers.
   */
  checkMounts(process: WorkerProcess, isUp: Promise<void>): Promise<void>;
}

const journalFd = 3;

export class HelperWorker {
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;
  readonly #listener: WorkerListener;
  /** Ids of the files it holds open. */
  readonly handles = new Set<string>();
  readonly #limits: WorkerLimits;
  readonly #bwrap: Bwrap;
  readonly #operationTimer: PatientTimer;
  readonly #journal: LentJournal | undefined;
  readonly #lines = new LineBuffer();
  #process: WorkerProcess | undefined;
  #waiting: Waiting | undefined;
  #last: Promise<void> | undefined;
  #complaint = "";
  #isEnded = false;
  #isLeaving = false;

  /** Starts a worker with these grants. Throws when it does not come up. */
  static async start(parts: WorkerParts, limits: WorkerLimits): Promise<HelperWorker> {
    const { bwrap, grants, lendJournal, startWorker = startWorkerAlone } = parts;
    const journal = await lendJournal?.(grants);
    const worker = new HelperWorker(limits, bwrap, journal);
    const fds = journal ? [journal.fd] : [];
    const begin = async () =>
      startWorker(parts.launch(journalFd + fds.length), fds, worker.#listener);
    const process = await begin().catch(async (error) => {
      await journal?.finish();
      throw internalError(`fs sandbox helper cannot be started: ${messageOf(error)}`, error);
    });
    worker.#process = process;
    const confined = worker.#confine({ ...grants, ...(journal && { journalFd }) });
    try {
      // In parallel with the start of Node inside, so that it takes no extra time.
      await Promise.all([confined, parts.checkMounts(process, confined)]);
    } catch (error) {
      worker.kill();
      throw error;
    }
    return worker;
  }

  private constructor(limits: WorkerLimits, bwrap: Bwrap, journal: LentJournal | undefined) {
    this.#limits = limits;
    this.#bwrap = bwrap;
    this.#operationTimer = this.#timer(limits.operationMs);
    this.#journal = journal;
    const { promise, resolve } = deferred<void>();
    this.ended = promise;
    this.#listener = {
      answered: (bytes) => {
        for (const line of this.#lines.push(bytes)) this.#onLine(line);
      },
      complained: (bytes) => this.#onComplaint(bytes),
      ended: (ending) => void this.#onEnd(ending).then(resolve),
    };
  }

  /** Whether it takes no more requests: it has ended, or is about to. */
  get isEnded(): boolean {
    return this.#isEnded || this.#isLeaving;
  }

  /** Whether its journal was removed. */
  get hasLostJournal(): boolean {
    return this.#journal?.isThere === false;
  }

  /** Sends a request. They are served in order; the time limit is for each by itself. */
  request(operation: string, params: unknown): Promise<unknown> {
    const exchange = () => this.#exchange({ operation, params }, this.#operationTimer);
    const result = this.#last ? this.#last.then(exchange) : exchange();
    const over = () => {
      if (this.#last === last) this.#last = undefined;
    };
    const last = result.then(over, over);
    this.#last = last;
    return result;
  }

  /** Ends it by closing its stdin. */
  end(): void {
    this.#isLeaving = true;
    this.#process?.end();
  }

  /** Ends it when all requests so far are answered. */
  leave(): void {
    this.#isLeaving = true;
    void (this.#last ?? Promise.resolve()).then(() => this.end());
  }

  kill(): void {
    this.#isLeaving = true;
    this.#process?.kill();
  }

  async #confine(params: HelperConfinement["params"]): Promise<void> {
    const request: HelperConfinement = { operation: "confine", params };
    const timer = this.#timer(this.#limits.startMs);
    try {
      await this.#exchange(request, timer);
    } finally {
      timer.stop();
    }
  }

  #exchange(request: object, timer: PatientTimer): Promise<unknown> {
    if (this.#isEnded) return Promise.reject(this.#failure("it had ended before"));
    timer.refresh();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, timer };
      this.#process?.write(Buffer.from(`${JSON.stringify(request)}\n`));
    });
  }

  /** Restarted for each request: creating and clearing a timer takes longer. */
  #timer(limitMs: number): PatientTimer {
    const timer: PatientTimer = new PatientTimer(limitMs, () => {
      if (this.#waiting?.timer !== timer) return;
      this.#settle()?.reject(this.#failure(`no answer within ${limitMs / 1000} s`));
      this.kill();
    });
    return timer.unref();
  }

  #onLine(line: Buffer): void {
    const waiting = this.#settle();
    try {
      const { status, payload }: HelperResponse = JSON.parse(line.toString("utf8"));
      if (status === "ok") waiting?.resolve(payload.response);
      else waiting?.reject(new RpcError(payload.code, payload.message));
    } catch {
      waiting?.reject(this.#failure("its answer is no JSON"));
      this.kill();
    }
  }

  #onComplaint(bytes: Buffer): void {
    this.#complaint = (this.#complaint + bytes.toString("utf8")).slice(0, complaintBytesMax);
  }

  /**
   * Finishes the interrupted write before the requests fail: a caller may then write the same file.
   */
  async #onEnd({ exitCode, signal, shortMessage }: WorkerEnding): Promise<void> {
    this.#isEnded = true;
    this.#operationTimer.stop();
    await this.#journal?.finish();
    const complaint = this.#complaint.trim();
    const status = signal ? `signal: ${signal}` : `exit status: ${exitCode ?? shortMessage}`;
    const refusal = startFailure({ complaint, bwrap: this.#bwrap, kernel: release() });
    this.#settle()?.reject(refusal ?? this.#failure(`status ${status}: ${complaint}`));
  }

  #settle(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #failure(why: string): RpcError {
    return internalError(`fs sandbox helper failed with ${why}`);
  }
}
