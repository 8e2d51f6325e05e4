import type { Result } from "../protocol/methods.ts";
import type { Fetch } from "./fetch.ts";
import type { Files } from "./files.ts";
import type { CallOptions } from "./perform.ts";
import type { Process, ProcessExit } from "./process.ts";
import type { StartOptions } from "./start.ts";

/** What an executor says of its machine. Paths are `file:` URLs. */
export type EnvironmentInfo = Result<"environment/info">;

/** What can be said of a process in one line. */
export interface ProcessSummary {
  readonly id: string;
  readonly argv: readonly string[];
  /** Whether it has a terminal. */
  readonly terminal: boolean;
  /** False once it has ended, even while others hold its output open. */
  readonly running: boolean;
  /** Null as long as it runs. */
  readonly exitCode: number | null;
}

/** A command that has run to its end. */
export interface FinishedProcess extends ProcessExit {
  /** As UTF-8; everything that came from a terminal is in `stdout`. */
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes of output that were lost; 0 unless this program could not keep up. */
  readonly lostBytes: number;
}

/**
 * A machine to work on: this one, or another at the end of a connection. Errors of the machine are
 * `RpcError`s with the code of the wire; a broken connection is repaired, and only when that fails
 * is a `SessionLostError` thrown.
 */
export interface Environment {
  readonly info: EnvironmentInfo;
  /** Undefined for this machine. Another client may resume the session when this one is gone. */
  readonly sessionId: string | undefined;
  readonly files: Files;
  /**
   * Starts a program, found by the PATH of its own environment, with arguments. Fails with an
   * `OperationFailedError` that has the system's reason when it cannot be started.
   */
  start(argv: readonly string[], options?: StartOptions): Promise<Process>;
  /**
   * Runs a program to its end, with `input` on its stdin. An exit code other than 0 is no error.
   * All its output is kept in memory. Aborting the signal kills the program and fails the call.
   */
  run(
    argv: readonly string[],
    options?: StartOptions & { readonly input?: string | Uint8Array | undefined },
  ): Promise<FinishedProcess>;
  /**
   * A process of the session that another client has started, with its output from the beginning.
   */
  attach(processId: string): Process;
  /** The processes of the session that run, and those that ended a short while ago. */
  list(options?: CallOptions): Promise<ProcessSummary[]>;
  /** Makes an HTTP request from the executor. */
  readonly fetch: Fetch;
  /** Fails with a `ConnectionError` or an `RpcError` when the executor does not answer well. */
  check(options?: CallOptions): Promise<void>;
  /** Fulfilled with the reason when the environment is out of reach for good, or was closed. */
  readonly lost: Promise<Error>;
  /**
   * Leaves the session to another client: the connection ends, and the processes run on until the
   * executor's time for sessions without one is over, 80 s by default. Fails with a `TypeError` for
   * this machine.
   */
  detach(): void;
  /** Kills every process that was started and frees what is held, here and there. */
  close(): Promise<void>;
  /** The same, at the end of the block in which it is declared by `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
