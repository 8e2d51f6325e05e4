import type { LocalProcesses } from "../environment/local/processes.ts";
import { invalidRequest } from "../protocol/errors.ts";
import type { Emit, ProcessEvent } from "../protocol/methods.ts";

/** The connection that a session belongs to for now. */
export interface Attachment {
  readonly emit: Emit<ProcessEvent>;
  /** Whether the other end is there, asked now. */
  isAlive(): Promise<boolean>;
  /** Ends the connection. */
  cut(reason: string): void;
}

/**
 * What outlives a connection: the processes of one client. While nobody is attached their events
 * only go to their logs.
 */
export class Session {
  readonly id: string;
  readonly processes: LocalProcesses;
  #attachment: Attachment | undefined;

  constructor(id: string, makeProcesses: (emit: Emit<ProcessEvent>) => LocalProcesses) {
    this.id = id;
    this.processes = makeProcesses(
      (event, params) => this.#attachment?.emit(event, params) ?? true,
    );
  }

  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  attach(attachment: Attachment): void {
    this.#attachment = attachment;
  }

  /** Nobody listens any more: processes run on, and reads that wait for the gone one are rejected. */
  detach(): void {
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
