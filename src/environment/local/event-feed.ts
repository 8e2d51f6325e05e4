import { setImmediate } from "node:timers/promises";
import { catchUpPageBytes } from "../../limits.ts";
import type { Emit, EventParams, ProcessEvent } from "../../protocol/methods.ts";
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
  /** Somebody went away, and whoever came then has not read everything yet. */
  #hasMissedSome = false;
  #catchUp: { lastSeq: number } | undefined;
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
    return this.#catchUp !== undefined || emitOutput(processId, run);
  }

  /** The same for an end. */
  tell(end: EndEvent): void {
    const { processId, observer } = this.#options;
    if (end.kind === "exited") observer?.exited(processId, end.exitCode);
    else observer?.closed(processId);
    if (this.#catchUp === undefined) this.#send(end);
  }

  /** A receiver has read up to `nextSeq`. Without `maxBytes` it will not read on by itself. */
  wasRead(nextSeq: number, maxBytes: number | null | undefined): void {
    if (!this.#hasMissedSome || this.#catchUp) return;
    if (nextSeq >= this.#options.log.nextSeq) this.#hasMissedSome = false;
    else if (maxBytes == null) void this.#sendFrom(nextSeq);
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
    this.#hasMissedSome = true;
    this.#options.log.setReceived(false);
    this.#endCatchUp();
  }

  async #sendFrom(nextSeq: number): Promise<void> {
    const catchUp = { lastSeq: nextSeq - 1 };
    this.#catchUp = catchUp;
    this.#options.onCatchUp(true);
    // The answer of the read goes out first.
    await setImmediate();
    const { log } = this.#options;
    while (this.#catchUp === catchUp && catchUp.lastSeq < log.nextSeq - 1) {
      await this.#sendPage(catchUp, await log.eventsAfter(catchUp.lastSeq, catchUpPageBytes));
    }
    if (this.#catchUp !== catchUp) return;
    this.#hasMissedSome = false;
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
