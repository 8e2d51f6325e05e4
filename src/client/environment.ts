import type { Result } from "../protocol/methods.ts";
import type { CallOptions } from "./calls/perform.ts";
import type { Files } from "./files/files.ts";
import type { Fetch } from "./http/fetch.ts";
import type { FinishedProcess } from "./processes/finish.ts";
import type { Process } from "./processes/process.ts";
import type { StartOptions } from "./processes/start.ts";

/** What an executor tells about its machine and itself. Paths are `file:` URLs. */
export type EnvironmentInfo = Result<"environment/info">;

/** A process in the list of a session's processes. */
export interface ProcessSummary {
  readonly id: string;
  readonly argv: readonly string[];
  /** Whether it has a terminal. */
  readonly terminal: boolean;
  /** False once the process has ended, even while others hold its output open. */
  readonly running: boolean;
  /** Null as long as it runs. */
  readonly exitCode: number | null;
}

/**
 * A machine to work on: this one, or another one over a connection. What the machine refuses is
 * thrown as an `RpcError` with the code of the protocol. A broken connection is repaired; a
 * `SessionLostError` is thrown only when that fails.
 */
export interface Environment {
  readonly info: EnvironmentInfo;
  /**
   * Another client can resume the session by this id once this one is gone. Undefined for this
   * machine.
   */
  readonly sessionId: string | undefined;
  readonly files: Files;
  /**
   * Starts the program `argv[0]`, found by the PATH of its own environment, with the rest as
   * arguments. Fails with an `OperationFailedError` that has the system's reason when it cannot
   * start.
   */
  start(argv: readonly string[], options?: StartOptions): Promise<Process>;
  /**
   * Runs a program to its end, with `input` on its stdin. A nonzero exit code is no error. All its
   * output is kept in memory. Aborting the signal kills the program and rejects the call.
   */
  run(
    argv: readonly string[],
    options?: StartOptions & { readonly input?: string | Uint8Array | undefined },
  ): Promise<FinishedProcess>;
  /**
   * Gives a process of the session that another client started, with its retained output. Throws a
   * `TypeError` when this environment uses the process already.
   */
  attach(processId: string): Process;
  /** The processes of the session that run, or ended a short while ago. */
  list(options?: CallOptions): Promise<ProcessSummary[]>;
  /** Makes an HTTP request from the executor. */
  readonly fetch: Fetch;
  /**
   * Asks the executor for its status. Fails with a `ConnectionError` or an `RpcError` when there is
   * no good answer.
   */
  check(options?: CallOptions): Promise<void>;
  /** Fulfilled with the reason when the environment is lost for good or was closed. */
  readonly lost: Promise<Error>;
  /**
   * Closes the connection but keeps the session, for another client to resume. Its processes run on
   * until the executor's limit for detached sessions is over, 80 s by default. Throws a `TypeError`
   * for this machine.
   */
  detach(): void;
  /** Kills every process of the session and frees all resources, on both ends. */
  close(): Promise<void>;
  /** Calls `close`, at the end of the block that declares the environment by `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
