import { constants } from "node:os";
import { killedOutputDrainMs } from "../../../limits.ts";
import type { Params, Result } from "../../../protocol/methods.ts";
import { EventFeed, type EventFeedOptions, type EventReceiver } from "../output/event-feed.ts";
import { OutputLog } from "../output/output-log.ts";
import type { OutputLogBounds } from "../output/output-log-bounds.ts";
import type { RetainedOutputOptions } from "../output/retained-output.ts";
import type {
  OutputStream,
  ProcessSink,
  SpawnedProcess,
  Spawner,
  SpawnRequest,
  TerminalSize,
} from "../spawn/start/spawner.ts";
import { type Confinement, startConfined } from "./confined-start.ts";
import { OutputFlow } from "./output-flow.ts";
import { OutputHolders } from "./output-holders.ts";
import { ProcessEnding } from "./process-ending.ts";
import { StdinQueue } from "./stdin-queue.ts";
import { type TimeLimit, TimeLimits } from "./time-limits.ts";

/** Told about a process, besides the readers of its log. */
export interface ProcessListener extends EventReceiver, Pick<EventFeedOptions, "observer"> {
  /** The process was paused until `resume`, because the receiver of its events is behind. */
  paused(process: ManagedProcess): void;
  /** The process is closed: no event follows. */
  closed(process: ManagedProcess): void;
}

interface ManagedProcessOptions extends Pick<RetainedOutputOptions, "spill" | "receipts"> {
  readonly processId: string;
  readonly request: SpawnRequest;
  readonly listener: ProcessListener;
  /** Its sandbox; it is not confined when absent. */
  readonly confinement?: Confinement | undefined;
  /** Overrides of the default limits for its output. */
  readonly outputBounds?: Partial<OutputLogBounds> | undefined;
  readonly timeLimits?: Pick<Params<"process/start">, "timeoutMs" | "idleTimeoutMs"> | undefined;
}

/**
 * One child process, from its start until it is closed: it has exited and its streams have ended.
 * Enters its events into the log and passes them to the listener in the same order.
 */
export class ManagedProcess {
  readonly processId: string;
  readonly #request: SpawnRequest;
  readonly #listener: ProcessListener;
  readonly #confinement: Confinement | undefined;
  readonly #log: OutputLog;
  /** Sends the events to the client. */
  readonly feed: EventFeed;
  readonly #flow = new OutputFlow((on) => this.#child?.flow(on));
  readonly #limits: TimeLimits;
  readonly #ending: ProcessEnding;
  readonly #holders: OutputHolders;
  readonly #stdin: StdinQueue;
  /** Undefined only during the start, in which events can come already. */
  #child: SpawnedProcess | undefined;
  #killed: Promise<void> | undefined;

  /** Rejects with the spawner's error when nothing was started. */
  static async start(spawner: Spawner, options: ManagedProcessOptions): Promise<ManagedProcess> {
    const process = new ManagedProcess(options);
    process.#child = await process.#startWith(spawner);
    if (process.#flow.isHeld) process.#child.flow(false);
    // A time limit was reached before there was a process to kill.
    if (process.#killed) await process.#child.killTree();
    return process;
  }

  private constructor(options: ManagedProcessOptions) {
    const { processId, request, listener, confinement, outputBounds: bounds } = options;
    const { spill, receipts } = options;
    this.processId = processId;
    this.#request = request;
    this.#listener = listener;
    this.#confinement = confinement;
    const onRoom = () => this.#flow.release("disk");
    this.#log = new OutputLog({ bounds, spill, receipts, onRoom });
    this.feed = this.#makeFeed();
    this.#holders = new OutputHolders(this.#log, () => this.#child?.outputPlaces() ?? []);
    this.#ending = new ProcessEnding({
      ...{ log: this.#log, feed: this.feed, confinement },
      onClosed: () => this.#onClosed(),
    });
    this.#limits = new TimeLimits({
      ...options.timeLimits,
      isHeld: () => this.#flow.isHeld,
      onReached: (limit) => this.#expire(limit),
    });
    this.#stdin = new StdinQueue({
      write: (bytes) => this.#child?.write(bytes) ?? true,
      end: () => this.#child?.endStdin(),
    });
    if (request.stdio === "pipes") this.#stdin.close();
  }

  get isConfined(): boolean {
    return this.#confinement !== undefined;
  }

  get hasTerminal(): boolean {
    return this.#request.stdio === "pty";
  }

  get isRunning(): boolean {
    return this.#ending.exit === undefined;
  }

  get isClosed(): boolean {
    return this.#log.closed;
  }

  async summary(): Promise<Result<"process/list">["processes"][number]> {
    return {
      processId: this.processId,
      argv: [...this.#request.argv],
      tty: this.hasTerminal,
      running: this.isRunning,
      exitCode: this.#ending.exit?.exitCode ?? null,
      nextSeq: this.#log.nextSeq,
      ...(await this.#holders.forAnswer()),
    };
  }

  /** Settles when `read` with this page would not have to wait. */
  readonly news = (page: Params<"process/read">) => this.#log.news(page);

  read(page: Params<"process/read">): Promise<Result<"process/read">> {
    return this.feed.answering(async () => {
      const { receiver } = this.feed;
      const answer = await this.#log.read(page);
      if (receiver === this.feed.receiver) this.feed.wasRead(answer, page);
      return { ...answer, ...(await this.#holders.forAnswer()) };
    });
  }

  /** The client that received the events and waits in reads is gone. */
  detach(error: Error): void {
    this.#log.rejectReaders(error);
    this.feed.detach();
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

  signal(name: keyof typeof constants.signals): void {
    this.#child?.signal(constants.signals[name], "group");
  }

  /** The receiver of events has room again. */
  resume(): void {
    this.#flow.release("receiver");
    this.feed.resume();
  }

  /** Frees the retained output. To be called when no client can ask for it any more. */
  dispose(): Promise<void> {
    return this.#log.dispose();
  }

  /**
   * Kills the process with its descendants and then ends its output, even when another process
   * holds the streams open. Settles when nothing is left that a kill can reach.
   */
  kill(): Promise<void> {
    this.#killed ??= this.#killAndEnd();
    return this.#killed;
  }

  async #killAndEnd(): Promise<void> {
    this.#stdin.close();
    try {
      await this.#child?.killTree();
    } finally {
      // The pipes hold little now and nothing is added: it is read even if the receiver is behind.
      this.#child?.flow(true);
      await this.#ending.streamsEndedWithin(killedOutputDrainMs);
      this.#child?.abandonOutput();
    }
  }

  async #startWith(spawner: Spawner): Promise<SpawnedProcess> {
    try {
      const confinement = this.#confinement;
      if (confinement) return await startConfined(spawner, confinement, this.#sink());
      return await spawner.start(this.#request, this.#sink());
    } catch (error) {
      this.#limits.end();
      throw error;
    }
  }

  #makeFeed(): EventFeed {
    const { emit, emitOutput, observer, paused } = this.#listener;
    return new EventFeed({
      ...{ processId: this.processId, log: this.#log, emit, emitOutput, observer },
      onFull: () => paused(this),
      onCatchUp: (isBehind) =>
        isBehind ? this.#flow.hold("catchUp") : this.#flow.release("catchUp"),
    });
  }

  #sink(): ProcessSink {
    return {
      output: (stream, bytes) => this.#onOutput(stream, bytes),
      exited: (exit) => {
        this.#stdin.close();
        this.#ending.exited(exit);
      },
      ended: () => this.#ending.streamsEnded(),
      drained: () => this.#stdin.drained(),
      stdinGone: () => this.#stdin.close(),
    };
  }

  #onOutput(stream: OutputStream, bytes: Buffer): void {
    this.#limits.heard();
    let hasRoom = true;
    for (const run of this.#log.append(stream, bytes)) hasRoom = this.feed.sendOutput(run);
    if (this.#killed) return;
    if (!hasRoom) {
      this.#flow.hold("receiver");
      this.#listener.paused(this);
    }
    if (this.#log.isBehind) this.#flow.hold("disk");
  }

  #onClosed(): void {
    this.#limits.end();
    this.#listener.closed(this);
  }

  #expire(limit: TimeLimit): void {
    this.#ending.limitReached(limit);
    void this.kill();
  }
}
