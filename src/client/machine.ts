import type { Environment } from "../environment/environment.ts";
import type { Emit, Event, Result } from "../protocol/methods.ts";

/** A machine as the public `Environment` needs it, in the types of the protocol. */
export interface Machine extends Environment {
  readonly info: Result<"environment/info">;
  /** Undefined for the machine that this program runs on. */
  readonly sessionId?: string | undefined;
  /** Receives the events of a process that another client started in the session. */
  follow(processId: string): void;
  /** Resumes streams that were paused for a slow reader. */
  resumeOutput(): void;
  /** Closes the connection, and keeps the session for a client that resumes it. */
  detach(): void;
  /** Kills all processes and frees all resources. */
  close(): Promise<void>;
}

/** The events of a machine. */
export interface MachineListener {
  /** Events of one process come in order, each once. False when the reader of a body is behind. */
  readonly emit: Emit<Event>;
  /** Whether dropped events must be read again, so that none may be confirmed as received. */
  isBehind(): boolean;
  /** At least `bytes` of output are missing before the next event of the process. */
  onOutputLost(processId: string, bytes: number): void;
  /** No more events of the process will come. */
  onProcessFailed(processId: string, error: Error): void;
  /** The connection broke, and with it file handles, HTTP requests and watches. */
  onDisconnected(error: Error): void;
  /** The session was resumed over another connection. */
  onResumed(): void;
  /** The machine is lost for good. */
  onLost(error: Error): void;
}
