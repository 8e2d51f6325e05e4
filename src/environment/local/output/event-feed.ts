import { setImmediate } from "node:timers/promises";
import { catchUpPageBytes } from "../../../limits.ts";
import type { Emit, EventParams, Params, ProcessEvent, Result } from "../../../protocol/methods.ts";
import type { EndEvent, LogEvent, OutputLog } from "./output-log.ts";
import { type OutputRun, runOf } from "./output-run.ts";

/** Told of every event once, as it happens, whether or not a client is attached. */
export interface ProcessObserver {
  output(processId: string, bytes: number): void;
  exited(processId: string, exitCode: number): void;
  closed(processId: string): void;
}

/** Sends one event for each chunk of a run. False when the receiver is behind, as for `Emit`. */
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
  /** The receiver is behind while older events are sent: sending goes on after `resume`. */
  readonly onFull: () => void;
  /** Catching up with older events has begun or ended: the process should pause meanwhile. */
  readonly onCatchUp: (isBehind: boolean) => void;
}

/**
 * Sends the events of one process to its receiver, as they happen. A client that has resumed a
 * session reads once and then relies on events: when that read could not return everything, the
 * rest is sent from the log, in order, before anything new.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  /** Whether the present receiver has neither received nor read some of the events. */
  #hasMissedSome = false;
  #catchUp: { lastSeq: number } | undefined;
  /** Whether events are held back until the receiver has read, as it asked for. */
  #isHeld = false;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #roomAgain: () => void = () => {};
  #receiver = 0;
  #answersUnderWay = 0;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** The number of the present receiver; it changes when the receiver does. */
  get receiver(): number {
    return this.#receiver;
  }

  /** Sends output that has just been entered into the log. False: the receiver is behind. */
  sendOutput(run: OutputRun): boolean {
    const { processId, observer, emitOutput } = this.#options;
    observer?.output(processId, run.bytes.length);
    return this.#isSilent || emitOutput(processId, run);
  }

  /** Sends the exit or the closing, which has just been entered into the log. */
  sendEnd(end: EndEvent): void {
    const { processId, observer } = this.#options;
    if (end.kind === "exited") observer?.exited(processId, end.exitCode);
    else observer?.closed(processId);
    if (!this.#isSilent) this.#send(end);
  }

  /** A new receiver wants no events before its first read, unless it has missed none. */
  hold(): void {
    this.#isHeld = this.#hasMissedSome;
  }

  /**
   * The receiver has read. What its answer lacked is sent as events when it said so by `pushRest`,
   * and when it had missed events and did not set `maxBytes`: then it will not read again.
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

  /** Whether output was read within this time, or is being sent to a receiver that catches up. */
  wasReadWithin(timeMs: number): boolean {
    return this.#catchUp !== undefined || performance.now() - this.#readAtMs < timeMs;
  }

  /** Makes an answer from the log. Its output counts as sent only when the answer is complete. */
  async answering<T>(make: () => Promise<T>): Promise<T> {
    this.#answersUnderWay++;
    try {
      return await make();
    } finally {
      this.#answersUnderWay--;
      this.#updateReceived();
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

  /** Whether new events are not sent now, but later from the log. */
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
      // The rest was dropped from the log.
      if (page.length === 0) break;
      await this.#sendPage(catchUp, page);
    }
    if (this.#catchUp !== catchUp) return;
    this.#missNothing();
    this.#endCatchUp();
    this.#updateReceived();
  }

  #updateReceived(): void {
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

/** An `EmitOutput` for receivers that have only `emit`. */
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
