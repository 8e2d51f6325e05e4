import type { Environment } from "../environment/environment.ts";
import type { Emit, Event, Result } from "../protocol/methods.ts";

/**
 * A machine as the surface of the library needs it: what it can do, by the shapes of the protocol.
 */
export interface Machine extends Environment {
  readonly info: Result<"environment/info">;
  /** Undefined for the machine that this program runs on. */
  readonly sessionId?: string | undefined;
  /** Learns about a process that somebody else started in the session. */
  follow(processId: string): void;
  /** Streams that were paused because their reader was behind go on. */
  resumeOutput(): void;
  /** Ends the connection, and leaves the session for whoever resumes it. */
  detach(): void;
  /** Kills what was started and frees what is held. */
  close(): Promise<void>;
}

/** What a machine tells by itself. */
export interface MachineListener {
  /** Events of one process come in order, each once. False when the reader of a body is behind. */
  readonly emit: Emit<Event>;
  /** Whether events came that will have to be asked for again: nothing may count as received. */
  isBehind(): boolean;
  /** At least so many bytes of output are lost before the next event of the process. */
  onOutputLost(processId: string, bytes: number): void;
  /** Nothing more will be learned of the process. */
  onProcessFailed(processId: string, error: Error): void;
  /** The connection broke: what belonged to it is gone. */
  onDisconnected(error: Error): void;
  /** The session goes on over another connection. */
  onResumed(): void;
  /** The machine is out of reach for good. */
  onLost(error: Error): void;
}
