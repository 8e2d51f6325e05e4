import { constants } from "node:os";
import { deniedOutputWaitMs, killedOutputDrainMs } from "../../limits.ts";
import type { Emit, Params, ProcessEvent, Result } from "../../protocol/methods.ts";
import { isDenial } from "../../sandbox/denial.ts";
import type { Confinement } from "./confinement.ts";
import { encoded, OutputLog, type OutputLogBounds } from "./output-log.ts";
import { settledWithin } from "./settled-within.ts";
import type {
  OutputStream,
  ProcessExit,
  ProcessSink,
  SpawnedProcess,
  Spawner,
  SpawnRequest,
  TerminalSize,
} from "./spawn/spawner.ts";
import { StdinQueue } from "./stdin-queue.ts";

/** Who is told about a process besides the readers of its log. */
export interface ProcessListener {
  readonly emit: Emit<ProcessEvent>;
  /** The process has been paused until `resume`, because the receiver of its events is behind. */
  paused(process: ManagedProcess): void;
  /** Nothing more will come. */
  closed(process: ManagedProcess): void;
}

interface ManagedProcessOptions {
  readonly processId: string;
  readonly request: SpawnRequest;
  readonly listener: ProcessListener;
  /** What confines it; nothing when absent. */
  readonly confinement?: Confinement | undefined;
  /** How much of its output is kept, where that is not the default. */
  readonly outputBounds?: Partial<OutputLogBounds> | undefined;
}

/**
 * One child from its start until it is closed, which is when it has exited and its streams have
 * ended. Enters all that happens into its log and tells the listener in the same order.
 */
export class ManagedProcess {
  readonly processId: string;
  readonly #request: SpawnRequest;
  readonly #listener: ProcessListener;
  readonly #confinement: Confinement | undefined;
  readonly #log: OutputLog;
  readonly #stdin: StdinQueue;
  /** Missing only while the start runs; events can come before it is over. */
  #child: SpawnedProcess | undefined;
  #exit: ProcessExit | undefined;
  #denied = false;
  #streamsEnded = false;
  #paused = false;
  #killed: Promise<void> | undefined;
  readonly #whenStreamsEnded: Promise<void>;
  #tellStreamsEnded: () => void = () => {};

  /** Rejects with the spawner's error; then nothing has happened. */
  static async start(spawner: Spawner, options: ManagedProcessOptions): Promise<ManagedProcess> {
    const process = new ManagedProcess(options);
    process.#child = await process.#startWith(spawner);
    if (process.#paused) process.#child.flow(false);
    return process;
  }

  private constructor(options: ManagedProcessOptions) {
    const { processId, request, listener, confinement, outputBounds } = options;
    this.processId = processId;
    this.#request = request;
    this.#listener = listener;
    this.#confinement = confinement;
    this.#log = new OutputLog(outputBounds);
    this.#stdin = new StdinQueue({
      write: (bytes) => this.#child?.write(bytes) ?? true,
      end: () => this.#child?.endStdin(),
    });
    if (request.stdio === "pipes") this.#stdin.close();
    this.#whenStreamsEnded = new Promise((resolve) => {
      this.#tellStreamsEnded = resolve;
    });
  }

  get isConfined(): boolean {
    return this.#confinement !== undefined;
  }

  get hasTerminal(): boolean {
    return this.#request.stdio === "pty";
  }

  get isRunning(): boolean {
    return this.#exit === undefined;
  }

  get isClosed(): boolean {
    return this.#log.closed;
  }

  summary(): Result<"process/list">["processes"][number] {
    return {
      processId: this.processId,
      argv: [...this.#request.argv],
      tty: this.hasTerminal,
      running: this.isRunning,
      exitCode: this.#exit?.exitCode ?? null,
      nextSeq: this.#log.nextSeq,
    };
  }

  async read(page: Params<"process/read">): Promise<Result<"process/read">> {
    return { ...(await this.#log.read(page)), failure: null, sandboxDenied: this.#denied };
  }

  rejectReaders(error: Error): void {
    this.#log.rejectReaders(error);
  }

  async write(writeId: string, bytes: Buffer): Promise<Result<"process/write">> {
    return { status: await this.#stdin.write(writeId, bytes) };
  }

  closeStdin(): void {
    this.#stdin.end();
  }

  resize(size: TerminalSize): void {
    this.#child?.resize(size);
  }

  interrupt(): void {
    this.#child?.signal(constants.signals.SIGINT, "group");
  }

  /** The receiver of events has room again. */
  resume(): void {
    this.#paused = false;
    this.#child?.flow(true);
  }

  /**
   * Kills everything the process started and then ends its output, even when a stranger holds the
   * streams open. Settles when nothing is left that a kill can reach.
   */
  kill(): Promise<void> {
    this.#killed ??= this.#killAndEnd();
    return this.#killed;
  }

  async #killAndEnd(): Promise<void> {
    this.#stdin.close();
    await this.#child?.killTree();
    // What the pipes still hold is little, and nobody adds to it: a slow reader gets it at once.
    this.#child?.flow(true);
    await settledWithin(this.#whenStreamsEnded, killedOutputDrainMs);
    this.#child?.abandonOutput();
  }

  async #startWith(spawner: Spawner): Promise<SpawnedProcess> {
    try {
      return await spawner.start(this.#confinement?.request ?? this.#request, this.#sink());
    } catch (error) {
      await this.#confinement?.ended();
      throw error;
    } finally {
      this.#confinement?.started();
    }
  }

  #sink(): ProcessSink {
    return {
      output: (stream, bytes) => this.#onOutput(stream, bytes),
      exited: (exit) => this.#onExited(exit),
      ended: () => this.#onEnded(),
      drained: () => this.#stdin.drained(),
      stdinGone: () => this.#stdin.close(),
    };
  }

  #onOutput(stream: OutputStream, bytes: Buffer): void {
    let hasRoom = true;
    for (const chunk of this.#log.append(stream, bytes)) {
      const params = { processId: this.processId, ...encoded(chunk) };
      hasRoom = this.#listener.emit("process/output", params);
    }
    if (!hasRoom && !this.#paused && !this.#killed) this.#pause();
  }

  #pause(): void {
    this.#paused = true;
    this.#child?.flow(false);
    this.#listener.paused(this);
  }

  /**
   * The exit is told one turn later: output that was readable together with it is delivered in this
   * turn and so comes first, and a stream that somebody else holds open delays nothing.
   */
  #onExited(exit: ProcessExit): void {
    this.#stdin.close();
    if (this.#confinement) void this.#leaveConfinement(this.#confinement, exit);
    else this.#enterExit(exit);
  }

  /**
   * What the sandbox needed in the workspace is gone before anybody is told of the end, and whether
   * something was denied can only be told from the output.
   */
  async #leaveConfinement({ ended }: Confinement, exit: ProcessExit): Promise<void> {
    await ended().catch(leftForTheNextServer);
    if (exit.exitCode !== 0) await settledWithin(this.#whenStreamsEnded, deniedOutputWaitMs);
    this.#denied = exit.exitCode !== 0 && isDenial(exit.exitCode, this.#log.retainedText());
    this.#enterExit(exit);
  }

  #enterExit(exit: ProcessExit): void {
    this.#exit = exit;
    if (this.#streamsEnded) this.#tellExit();
    else setImmediate(() => this.#tellExit());
  }

  #onEnded(): void {
    this.#streamsEnded = true;
    this.#tellStreamsEnded();
    if (this.#exit) this.#tellExit();
  }

  /** Tells the exit unless that is done, and the closing when both have happened. */
  #tellExit(): void {
    if (!this.#exit || this.#log.closed) return;
    const { processId } = this;
    if (this.#log.exitCode === null) {
      const { exitCode } = this.#exit;
      const seq = this.#log.exit(exitCode);
      const sandboxDenied = this.#denied;
      this.#listener.emit("process/exited", { processId, seq, exitCode, sandboxDenied });
    }
    if (!this.#streamsEnded) return;
    this.#listener.emit("process/closed", { processId, seq: this.#log.close() });
    this.#listener.closed(this);
  }
}

/** A mount point that could not be removed now is marked, and removed later. */
const leftForTheNextServer = () => undefined;
