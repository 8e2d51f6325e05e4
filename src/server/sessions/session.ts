import type { EventReceiver } from "../../environment/local/output/event-feed.ts";
import type { Receipts } from "../../environment/local/output/receipts.ts";
import { FirstAnswers } from "../../environment/local/processes/first-answers.ts";
import type { LocalProcesses } from "../../environment/local/processes.ts";
import { requestIdsRememberedMax } from "../../limits.ts";
import { invalidRequest } from "../../protocol/errors.ts";
import { addTraffic, type Traffic } from "../watch/counters.ts";

/** The client of a connection. */
export interface Peer {
  readonly address: string | undefined;
  /** The number of the connection. */
  readonly connection: number;
  clientName?: string;
  clientId?: string | undefined;
}

/** The connection to which a session is attached. */
export interface Attachment extends EventReceiver {
  readonly peer: Peer;
  readonly traffic: Traffic;
  /** How far the client has come with what was sent to it. */
  readonly receipts?: Receipts | undefined;
  /** Probes whether the client is still there. */
  isAlive(): Promise<boolean>;
  /** Ends the connection. */
  cut(reason: string): void;
}

export type MakeProcesses = (session: Session, receiver: EventReceiver) => LocalProcesses;

/** What a session has done so far. Its traffic is that of its earlier connections only. */
export interface SessionCounts extends Traffic {
  readonly openedAtMs: number;
  connections: number;
  processes: number;
  outputBytes: number;
}

/**
 * The processes of one client, which outlive its connection. While the session is detached their
 * events only go to their output logs, from which a client reads them after resuming.
 */
export class Session {
  readonly id: string;
  readonly counts: SessionCounts = {
    openedAtMs: performance.now(),
    connections: 0,
    processes: 0,
    outputBytes: 0,
    receivedBytes: 0,
    sentBytes: 0,
  };
  readonly processes: LocalProcesses;
  /** By request id, including errors and answers still to come. */
  readonly answers = new FirstAnswers<unknown>(requestIdsRememberedMax);
  #attachment: Attachment | undefined;

  constructor(id: string, makeProcesses: MakeProcesses) {
    this.id = id;
    this.processes = makeProcesses(this, {
      emit: (event, params) => this.#attachment?.emit(event, params) ?? true,
      emitOutput: (processId, run) => this.#attachment?.emitOutput(processId, run) ?? true,
    });
  }

  /** The session's name in logs: the start of its id, because the whole id allows to resume it. */
  get label(): string {
    return this.id.slice(0, 8);
  }

  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  attach(attachment: Attachment): void {
    this.#attachment = attachment;
    this.counts.connections++;
  }

  /** The connection is gone: processes run on, and its long-polling reads are rejected. */
  detach(): void {
    if (this.#attachment) addTraffic(this.counts, this.#attachment.traffic);
    this.#attachment = undefined;
    this.processes.rejectReaders(
      invalidRequest(`session ${this.id} has been resumed by another connection or has ended`),
    );
    this.processes.resumeOutput();
  }

  close(): Promise<void> {
    this.detach();
    return this.processes.close();
  }
}
