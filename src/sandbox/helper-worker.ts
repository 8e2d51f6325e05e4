/** One running fs-helper: requests go in as lines, answers come back in the same order. */
import type { Buffer } from "node:buffer";
import type { Readable, Writable } from "node:stream";
import { helperComplaintBytesMax } from "../limits.ts";
import { internalError, RpcError } from "../protocol/errors.ts";
import type { HelperConfinement, HelperResponse } from "../protocol/fs-helper.ts";
import { LineBuffer } from "../protocol/line-buffer.ts";
import type { Grants } from "./access.ts";
import type { HelperLaunch } from "./launch.ts";

export interface WorkerLimits {
  readonly startMs: number;
  readonly operationMs: number;
}

interface Waiting {
  resolve(response: HelperResponse): void;
  reject(error: Error): void;
}

/** Where a worker keeps what it is about to write, for the case that it is killed. */
export interface LentJournal {
  readonly fd: number;
  /** False when somebody has removed it, and what it holds would be found by nobody. */
  readonly isThere: boolean;
  /** To be called when the worker is gone: finishes what it was at, where it may write. */
  finish(): Promise<void>;
}

/** For a worker that is granted this. Undefined when none can be kept. */
export type LendJournal = (grants: Grants) => Promise<LentJournal | undefined>;

export type StartAsOwn = <T>(start: () => T) => Promise<T>;

interface WorkerParts {
  readonly launch: HelperLaunch;
  readonly grants: Grants;
  readonly lendJournal?: LendJournal | undefined;
  readonly startAsOwn?: StartAsOwn | undefined;
}

export class HelperWorker {
  /** Settles when the process is gone. */
  readonly ended: Promise<void>;
  /** Names of the files it holds open. */
  readonly handles = new Set<string>();
  readonly #child: Streams;
  readonly #limits: WorkerLimits;
  readonly #journal: LentJournal | undefined;
  readonly #lines = new LineBuffer();
  #waiting: Waiting | undefined;
  #last: Promise<void> | undefined;
  #complaint = "";
  #isEnded = false;
  #isLeaving = false;

  /** Starts a worker that grants this and no more. Throws when it does not come up. */
  static async start(parts: WorkerParts, limits: WorkerLimits): Promise<HelperWorker> {
    const journal = await parts.lendJournal?.(parts.grants);
    const { child } = await startChild(parts, journal).catch(async (error) => {
      await journal?.finish();
      throw error;
    });
    const worker = new HelperWorker(child, limits, journal);
    try {
      await worker.#confine({ ...parts.grants, ...(journal && { journalFd }) });
    } catch (error) {
      worker.kill();
      throw error;
    }
    return worker;
  }

  private constructor(child: Streams, limits: WorkerLimits, journal: LentJournal | undefined) {
    this.#child = child;
    this.#limits = limits;
    this.#journal = journal;
    child.stdout.on("data", (bytes: Buffer) => {
      for (const line of this.#lines.push(bytes)) this.#onLine(line);
    });
    child.stderr.on("data", (bytes: Buffer) => this.#onComplaint(bytes));
    // A worker that is gone is noticed by its end; a write that comes too late has no other effect.
    child.stdin.on("error", () => undefined);
    this.ended = Promise.resolve(child).then((ending) => this.#onEnd(ending));
  }

  /** Of bwrap, in which it runs. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether nothing more may be asked of it: it is gone, or about to go. */
  get isEnded(): boolean {
    return this.#isEnded || this.#isLeaving;
  }

  /** Whether what it is about to write is kept where nobody would find it. */
  get hasLostJournal(): boolean {
    return this.#journal?.isThere === false;
  }

  /** Requests are served one after the other; the time limit is that of each by itself. */
  request(operation: string, params: unknown): Promise<unknown> {
    const exchange = () => this.#exchange({ operation, params }, this.#limits.operationMs);
    const result = this.#last ? this.#last.then(exchange) : exchange();
    const over = () => {
      if (this.#last === last) this.#last = undefined;
    };
    const last = result.then(over, over);
    this.#last = last;
    return result;
  }

  /** Ends it by the end of its input, as it would by hand. */
  end(): void {
    this.#isLeaving = true;
    this.#child.stdin.end();
  }

  /** Ends it when it has done what it has been asked so far. */
  leave(): void {
    this.#isLeaving = true;
    void (this.#last ?? Promise.resolve()).then(() => this.end());
  }

  kill(): void {
    this.#isLeaving = true;
    this.#child.kill("SIGKILL");
  }

  async #confine(params: HelperConfinement["params"]): Promise<void> {
    const request: HelperConfinement = { operation: "confine", params };
    await this.#exchange(request, this.#limits.startMs);
  }

  async #exchange(request: object, limitMs: number): Promise<unknown> {
    if (this.#isEnded) throw this.#failure("it had ended before");
    const timer = setTimeout(() => this.#giveUp(limitMs), limitMs);
    try {
      const answer = new Promise<HelperResponse>((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
      const { status, payload } = await answer;
      if (status === "ok") return payload.response;
      throw new RpcError(payload.code, payload.message);
    } finally {
      clearTimeout(timer);
    }
  }

  #giveUp(limitMs: number): void {
    this.#settle()?.reject(this.#failure(`no answer within ${limitMs / 1000} s`));
    this.kill();
  }

  #onLine(line: Buffer): void {
    const waiting = this.#settle();
    try {
      waiting?.resolve(JSON.parse(line.toString("utf8")));
    } catch {
      waiting?.reject(this.#failure("its answer is no JSON"));
      this.kill();
    }
  }

  #onComplaint(bytes: Buffer): void {
    this.#complaint = (this.#complaint + bytes.toString("utf8")).slice(0, helperComplaintBytesMax);
  }

  /** Whoever learns that it failed may write the same file next, so what it was at is over then. */
  async #onEnd({ exitCode, signal, shortMessage }: Ending): Promise<void> {
    this.#isEnded = true;
    await this.#journal?.finish();
    const status = signal ? `signal: ${signal}` : `exit status: ${exitCode ?? shortMessage}`;
    this.#settle()?.reject(this.#failure(`status ${status}: ${this.#complaint.trim()}`));
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

interface Ending {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly shortMessage?: string | undefined;
}

interface Streams extends PromiseLike<Ending> {
  readonly pid?: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  kill(signal: "SIGKILL"): boolean;
}

/** Behind that of the program for seccomp, which bwrap keeps for itself. */
const journalFd = 4;

/** In an object, because a promise of what can itself be awaited would wait for its end. */
async function startChild(
  { launch, startAsOwn = async (start) => start() }: WorkerParts,
  journal: LentJournal | undefined,
): Promise<{ child: Streams }> {
  const { execa } = await import("execa");
  // Its types know the descriptors below ten only; any number works.
  const journalFds = journal ? [journal.fd as 9] : [];
  return startAsOwn(() => {
    const child = execa(launch.file, launch.argv, {
      env: launch.env,
      extendEnv: false,
      cwd: launch.cwd,
      stdio: ["pipe", "pipe", "pipe", launch.seccomp, ...journalFds],
      buffer: false,
      encoding: "buffer",
      reject: false,
    });
    return { child: child as unknown as Streams };
  });
}
