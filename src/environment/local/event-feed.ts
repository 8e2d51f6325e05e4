import { setImmediate } from "node:timers/promises";
import { catchUpPageBytes } from "../../limits.ts";
import type { Emit, EventParams, Params, ProcessEvent, Result } from "../../protocol/methods.ts";
import type { EndEvent, LogEvent, OutputLog } from "./output-log.ts";
import { type OutputRun, runOf } from "./output-run.ts";

/** Told of everything once, as it happens, whether or not it can be sent to anybody. */
export interface ProcessObserver {
  output(processId: string, bytes: number): void;
  exited(processId: string, exitCode: number): void;
  closed(processId: string): void;
}

/** Sends the events of a run, one for each chunk. False as `Emit` has it. */
export type EmitOutput = (processId: string, run: OutputRun) => boolean;

/** Where the events of processes go: output by the run, the others one by one. */
export interface EventReceiver {
  readonly emit: Emit<ProcessEvent>;
  readonly emitOutput: EmitOutput;
}

type Read = Pick<Result<"process/read">, "nextSeq" | "chunks">;

export interface EventFeedOptions extends EventReceiver {
  readonly processId: string;
  readonly log: OutputLog;
  readonly observer?: ProcessObserver | undefined;
  /** Nothing more can be sent until `resume`. */
  readonly onFull: () => void;
  /** Whether events are being sent that happened before, so that no new ones are wanted. */
  readonly onCatchUp: (isBehind: boolean) => void;
}

/**
 * Sends the events of one process to whoever receives them, as they happen. A client that came back
 * reads once and trusts that all later events are sent: when its read could not give it everything,
 * what is missing is sent from the log, in order, before anything new.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  /** Not everything was sent to whoever receives now, nor has it been read. */
  #hasMissedSome = false;
  #catchUp: { lastSeq: number } | undefined;
  /** Nothing is sent before the receiver has read. */
  #isHeld = false;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #roomAgain: () => void = () => {};
  #receiver = 0;
  #answersUnderWay = 0;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** Names the present receiver; another one has another number. */
  get receiver(): number {
    return this.#receiver;
  }

  /** Sends output that has just been entered into the log. False: the receiver is behind. */
  tellOutput(run: OutputRun): boolean {
    const { processId, observer, emitOutput } = this.#options;
    observer?.output(processId, run.bytes.length);
    return this.#isSilent || emitOutput(processId, run);
  }

  /** The same for an end. */
  tell(end: EndEvent): void {
    const { processId, observer } = this.#options;
    if (end.kind === "exited") observer?.exited(processId, end.exitCode);
    else observer?.closed(processId);
    if (!this.#isSilent) this.#send(end);
  }

  /** There is a receiver that has missed something, will read, and wants nothing newer before. */
  hold(): void {
    this.#isHeld = this.#hasMissedSome;
  }

  /**
   * A receiver has read. Without `maxBytes` it will not read on by itself when it was away; with
   * `pushRest` it says so.
   */
  wasRead({ nextSeq, chunks }: Read, { maxBytes, pushRest }: Params<"process/read">): void {
    if (chunks.length > 0) this.#readAtMs = performance.now();
    const isComplete = nextSeq >= this.#options.log.nextSeq;
    if (pushRest && !isComplete) void this.#sendFrom(nextSeq);
    else if (this.#hasMissedSome && !this.#catchUp) {
      if (isComplete) this.#missNothing();
      else if (maxBytes == null) void this.#sendFrom(nextSeq);
    }
  }

  /** Whether output has been read in this time, or is being sent to somebody who was away. */
  wasReadWithin(timeMs: number): boolean {
    return this.#catchUp !== undefined || performance.now() - this.#readAtMs < timeMs;
  }

  /** Makes an answer from the log. What it has counts as sent only when it is about to leave. */
  async answering<T>(make: () => Promise<T>): Promise<T> {
    this.#answersUnderWay++;
    try {
      return await make();
    } finally {
      this.#answersUnderWay--;
      this.#tellReceived();
    }
  }

  /** The receiver has room again. */
  resume(): void {
    this.#roomAgain();
  }

  /** The receiver is gone. */
  detach(): void {
    this.#receiver++;
    this.#miss();
    this.#endCatchUp();
  }

  #miss(): void {
    this.#hasMissedSome = true;
    this.#isHeld = false;
    this.#options.log.setReceived(false);
  }

  #missNothing(): void {
    this.#hasMissedSome = false;
    this.#isHeld = false;
  }

  /** What happens now is sent later, from the log. */
  get #isSilent(): boolean {
    return this.#isHeld || this.#catchUp !== undefined;
  }

  async #sendFrom(nextSeq: number): Promise<void> {
    const { log } = this.#options;
    const catchUp = { lastSeq: nextSeq - 1 };
    this.#endCatchUp();
    this.#miss();
    this.#catchUp = catchUp;
    this.#options.onCatchUp(true);
    // The answer of the read goes out first.
    await setImmediate();
    while (this.#catchUp === catchUp && catchUp.lastSeq < log.nextSeq - 1) {
      const page = await log.eventsAfter(catchUp.lastSeq, catchUpPageBytes);
      // What is left was dropped.
      if (page.length === 0) break;
      await this.#sendPage(catchUp, page);
    }
    if (this.#catchUp !== catchUp) return;
    this.#missNothing();
    this.#endCatchUp();
    this.#tellReceived();
  }

  #tellReceived(): void {
    if (this.#hasMissedSome || this.#catchUp || this.#answersUnderWay > 0) return;
    this.#options.log.setReceived(true);
  }

  async #sendPage(catchUp: { lastSeq: number }, events: readonly LogEvent[]): Promise<void> {
    const { onFull } = this.#options;
    for (const event of events) {
      if (this.#catchUp !== catchUp) return;
      const hasRoom = this.#send(event);
      catchUp.lastSeq = event.seq;
      if (hasRoom) continue;
      const room = new Promise<void>((resolve) => {
        this.#roomAgain = resolve;
      });
      onFull();
      await room;
    }
  }

  #send(event: LogEvent): boolean {
    const { processId, emit, emitOutput } = this.#options;
    if (event.kind === "output") return emitOutput(processId, runOf(event));
    const { kind, ...rest } = event;
    const params = { processId, ...rest };
    return kind === "exited"
      ? emit("process/exited", params as EventParams<"process/exited">)
      : emit("process/closed", params);
  }

  #endCatchUp(): void {
    const wasBehind = this.#catchUp !== undefined;
    this.#catchUp = undefined;
    this.#roomAgain();
    if (wasBehind) this.#options.onCatchUp(false);
  }
}

/** For whoever receives all events in the same way. */
export const eachChunkBy =
  (emit: Emit<"process/output">): EmitOutput =>
  (processId, run) => {
    const { firstSeq, stream, count } = run;
    let hasRoom = true;
    for (let index = 0; index < count; index++) {
      const chunk = run.base64At(index);
      hasRoom = emit("process/output", { processId, seq: firstSeq + index, stream, chunk });
    }
    return hasRoom;
  };
