import { setImmediate } from "node:timers/promises";
import { catchUpPageBytes } from "../../limits.ts";
import type { Emit, EventParams, ProcessEvent } from "../../protocol/methods.ts";
import { encoded, type LogEvent, type OutputLog } from "./output-log.ts";

/** Told of each event once, as it happens, whether or not it can be sent to anybody. */
export type Observe = <E extends ProcessEvent>(event: E, params: EventParams<E>) => void;

export interface EventFeedOptions {
  readonly processId: string;
  readonly log: OutputLog;
  readonly emit: Emit<ProcessEvent>;
  readonly observe?: Observe | undefined;
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

  /** Sends what has just been entered into the log. False: the receiver is behind. */
  tell(event: LogEvent): boolean {
    const { processId, observe, emit } = this.#options;
    const send: Emit<ProcessEvent> = (name, params) => {
      observe?.(name, params);
      return this.#catchUp !== undefined || emit(name, params);
    };
    return sendTo(send, processId, event);
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
    const { processId, emit, onFull } = this.#options;
    for (const event of events) {
      if (this.#catchUp !== catchUp) return;
      const hasRoom = sendTo(emit, processId, event);
      catchUp.lastSeq = event.seq;
      if (hasRoom) continue;
      const room = new Promise<void>((resolve) => {
        this.#roomAgain = resolve;
      });
      onFull();
      await room;
    }
  }

  #endCatchUp(): void {
    const wasBehind = this.#catchUp !== undefined;
    this.#catchUp = undefined;
    this.#roomAgain();
    if (wasBehind) this.#options.onCatchUp(false);
  }
}

function sendTo(emit: Emit<ProcessEvent>, processId: string, event: LogEvent): boolean {
  if (event.kind === "output") {
    const { seq, stream, chunk } = encoded(event);
    return emit("process/output", { processId, seq, stream, chunk });
  }
  const { kind, ...rest } = event;
  const params = { processId, ...rest };
  return kind === "exited"
    ? emit("process/exited", params as EventParams<"process/exited">)
    : emit("process/closed", params);
}
