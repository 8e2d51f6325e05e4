import { settledWithin } from "../../async/settled-within.ts";
import { launchStallMs } from "../../limits.ts";
import { internalError, invalidRequest } from "../../protocol/errors.ts";
import type { Emit, Params, ProcessEvent, Result } from "../../protocol/methods.ts";
import { hostPath } from "../../protocol/path-uri.ts";
import type { LocalSandbox } from "../../sandbox/sandbox.ts";
import { callAtAll } from "../../system/mount-lanes.ts";
import type { Processes } from "../processes.ts";
import { type EmitOutput, eachChunkBy, type ProcessObserver } from "./output/event-feed.ts";
import type { OutputLogBounds } from "./output/output-log-bounds.ts";
import type { Receipts } from "./output/receipts.ts";
import type { SpillStore } from "./output/spill-store.ts";
import { ClosedProcesses } from "./processes/closed-processes.ts";
import { confinementOf, refuseManagedNetwork } from "./processes/confined-start.ts";
import { ManagedProcess } from "./processes/managed-process.ts";
import { spawnRequest } from "./processes/spawn-request.ts";
import { stdinBytes } from "./processes/stdin-bytes.ts";
import type { Variables } from "./spawn/start/child-env.ts";
import { programPlaces } from "./spawn/start/program-lookup.ts";
import { SpawnError, type Spawner, type SpawnRequest } from "./spawn/start/spawner.ts";

export interface LocalProcessesOptions {
  readonly spawner: Spawner;
  /** Without a sandbox, starts that ask for confinement are refused. */
  readonly sandbox?: LocalSandbox | undefined;
  /** Variables from which `envPolicy` derives environments. */
  readonly executorEnv: Variables;
  readonly emit: Emit<ProcessEvent>;
  /** Receives output by the run; when absent, `emit` gets it chunk by chunk. */
  readonly emitOutput?: EmitOutput | undefined;
  /** Told of each event once, as it happens; `emit` repeats events for a client that reconnects. */
  readonly observer?: ProcessObserver | undefined;
  /** How long a closed process stays readable and its id taken. 80 s when absent. */
  readonly closedTtlMs?: number | undefined;
  /** Overrides of the default limits for the output of each process. */
  readonly outputBounds?: Partial<OutputLogBounds> | undefined;
  /** Takes output that leaves memory; without it that is dropped. */
  readonly spill?: SpillStore | undefined;
  /** How far the present receiver of the events has come, if it confirms them. */
  readonly receipts?: (() => Receipts | undefined) | undefined;
}

/** The processes of one session on this machine. */
export interface LocalProcesses extends Processes {
  /** Settles when `read` with the same params would not have to wait. */
  news(params: Params<"process/read">): Promise<void>;
  /** The receiver of the events has room again: processes paused for it go on. */
  resumeOutput(): void;
  /** A new receiver wants no events of a process before it has read that process. */
  holdEvents(): void;
  /** Rejects all waiting reads: the client that made them and received the events is gone. */
  rejectReaders(error: Error): void;
  /** Kills all processes, and starts no more. */
  close(): Promise<void>;
}

export const localProcesses = (options: LocalProcessesOptions): LocalProcesses =>
  new ProcessTable(options);

type StartParams = Params<"process/start">;

/**
 * Maps an id to the promise of its process. Every call awaits that promise, even when it has long
 * been settled, so that calls are served in the order in which they came.
 */
class ProcessTable implements LocalProcesses {
  readonly #options: LocalProcessesOptions;
  readonly #processes = new Map<string, Promise<ManagedProcess>>();
  readonly #started = new Map<string, ManagedProcess>();
  readonly #paused = new Set<ManagedProcess>();
  readonly #closed: ClosedProcesses;
  #readers = new AbortController();
  #isClosed = false;
  #preparedFor: string | undefined;

  constructor(options: LocalProcessesOptions) {
    this.#options = options;
    this.#closed = new ClosedProcesses({
      ttlMs: options.closedTtlMs,
      receipts: options.receipts,
      forget: (process) => this.#forget(process),
    });
  }

  async start(params: StartParams): Promise<Result<"process/start">> {
    const { processId } = params;
    const request = spawnRequest(params, this.#options.executorEnv);
    if (this.#isClosed) throw invalidRequest("this session has ended and starts nothing more");
    if (this.#processes.has(processId)) {
      throw invalidRequest(`process ${processId} already exists`);
    }
    refuseManagedNetwork(params);
    const { isConfined } = await this.#enter(params, request);
    return { processId, sandboxType: isConfined ? "linuxSeccomp" : "none" };
  }

  async news(params: Params<"process/read">): Promise<void> {
    await (await this.#readable(params)).news(params);
  }

  async read(params: Params<"process/read">): Promise<Result<"process/read">> {
    return (await this.#readable(params)).read(params);
  }

  async write(params: Params<"process/write">): Promise<Result<"process/write">> {
    const bytes = stdinBytes(params.chunk);
    const process = await this.#find(params.processId);
    return process?.write(params.writeId, bytes) ?? { status: "unknownProcess" };
  }

  async closeStdin({ processId }: Params<"process/closeStdin">): Promise<Record<string, never>> {
    known(await this.#find(processId), processId).closeStdin();
    return {};
  }

  async resize(params: Params<"process/resize">): Promise<Record<string, never>> {
    const process = known(await this.#find(params.processId), params.processId);
    if (!process.hasTerminal) {
      throw invalidRequest(`process ${params.processId} has no terminal: start it with tty`);
    }
    process.resize(params.size);
    return {};
  }

  async signal(params: Params<"process/signal">): Promise<Record<string, never>> {
    const { processId, signal } = params;
    (await this.#find(processId))?.signal(signal === "interrupt" ? "SIGINT" : signal);
    return {};
  }

  async terminate(params: Params<"process/terminate">): Promise<Result<"process/terminate">> {
    const process = await this.#find(params.processId);
    const running = process?.isRunning ?? false;
    if (process && !process.isClosed) void process.kill();
    return { running };
  }

  async list(): Promise<Result<"process/list">> {
    // Starts under way are awaited, unless one hangs in the system.
    await settledWithin(Promise.allSettled(this.#processes.values()), launchStallMs);
    const summaries = Array.from(this.#started.values(), (process) => process.summary());
    return { processes: await Promise.all(summaries) };
  }

  resumeOutput(): void {
    const paused = [...this.#paused];
    this.#paused.clear();
    for (const process of paused) process.resume();
  }

  holdEvents(): void {
    for (const process of this.#started.values()) process.feed.hold();
  }

  rejectReaders(error: Error): void {
    this.#readers.abort(error);
    this.#readers = new AbortController();
    for (const process of this.#started.values()) process.detach(error);
    // Events of processes that are being started have been missed, too.
    for (const [processId, starting] of this.#processes) {
      if (this.#started.has(processId)) continue;
      starting.then((process) => process.detach(error), alreadyReported);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // A start that hangs must not keep the other processes alive.
    const end = (process: ManagedProcess) => process.kill().then(() => process.dispose());
    const starts = [...this.#processes.values()];
    await Promise.all(starts.map((start) => start.then(end, alreadyReported)));
    this.#closed.close();
  }

  #forget(process: ManagedProcess): void {
    void process.dispose();
    this.#processes.delete(process.processId);
    this.#started.delete(process.processId);
  }

  async #enter(params: StartParams, request: SpawnRequest): Promise<ManagedProcess> {
    const { processId } = params;
    const starting = this.#launch(params, request);
    this.#processes.set(processId, starting);
    try {
      const process = await starting;
      this.#started.set(processId, process);
      return process;
    } catch (error) {
      this.#processes.delete(processId);
      throw error instanceof SpawnError ? internalError(error.message, error) : error;
    }
  }

  async #launch(params: StartParams, request: SpawnRequest): Promise<ManagedProcess> {
    const { processId, timeoutMs, idleTimeoutMs } = params;
    const { spawner, emit, observer, outputBounds, spill, receipts } = this.#options;
    const { emitOutput = eachChunkBy(emit) } = this.#options;
    const confinement = await confinementOf(params, request, this.#options.sandbox);
    if (confinement) this.#prepareHelper(params);
    const start = () =>
      ManagedProcess.start(spawner, {
        processId,
        request,
        confinement,
        listener: {
          ...{ emit, emitOutput, observer },
          paused: (process) => this.#paused.add(process),
          closed: (process) => this.#closed.add(process),
        },
        outputBounds,
        spill,
        receipts,
        timeLimits: { timeoutMs, idleTimeoutMs },
      });
    // These paths are accessed before exec, which hangs on a dead network disk.
    return callAtAll([hostPath(params.cwd), ...programPlaces(request)], start);
  }

  /** A client that runs commands under a sandbox soon changes files under it: prepares a worker. */
  #prepareHelper({ sandbox }: StartParams): void {
    const named = JSON.stringify(sandbox);
    if (!sandbox || this.#preparedFor === named) return;
    this.#preparedFor = named;
    this.#options.sandbox?.prepare(sandbox);
  }

  async #readable({ processId }: Params<"process/read">): Promise<ManagedProcess> {
    const { signal } = this.#readers;
    const process = known(await this.#find(processId), processId);
    signal.throwIfAborted();
    return process;
  }

  /** Undefined for an id that was never started, could not be started, or was forgotten. */
  async #find(processId: string): Promise<ManagedProcess | undefined> {
    await this.#processes.get(processId)?.catch(alreadyReported);
    return this.#started.get(processId);
  }
}

function known(process: ManagedProcess | undefined, processId: string): ManagedProcess {
  if (process) return process;
  throw invalidRequest(`unknown process id ${processId}`);
}

/** The caller of `start` learns why it failed; for all others the id is unknown. */
const alreadyReported = () => undefined;
