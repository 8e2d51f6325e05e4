import type { Params, Result } from "../protocol/methods.ts";

/**
 * The processes of one session. Params and results are those of the protocol; events go to the
 * `Emit` of the implementation. A call that has not begun when its signal is aborted need not be
 * done.
 */
export interface Processes {
  /**
   * Starts a command. The id is taken from the moment of the call; later calls with it wait for the
   * start. Rejects with -32600 when the id is taken, -32602 for a working directory that is not of
   * this host, -32603 with the system's reason when the command cannot be started.
   */
  start(params: Params<"process/start">, signal?: AbortSignal): Promise<Result<"process/start">>;
  /**
   * Returns retained output, and waits for some if asked to. Rejects with -32600 for an unknown id.
   */
  read(params: Params<"process/read">): Promise<Result<"process/read">>;
  /** Queues bytes for stdin; settles when they are queued, which waits while the queue is full. */
  write(params: Params<"process/write">, signal?: AbortSignal): Promise<Result<"process/write">>;
  /** Ends stdin after the writes before. */
  closeStdin(
    params: Params<"process/closeStdin">,
    signal?: AbortSignal,
  ): Promise<Result<"process/closeStdin">>;
  /** Changes the size of the terminal. */
  resize(params: Params<"process/resize">, signal?: AbortSignal): Promise<Result<"process/resize">>;
  /** Sends the signal to the process group, if that still exists. */
  signal(params: Params<"process/signal">, signal?: AbortSignal): Promise<Result<"process/signal">>;
  /** Kills the process with its descendants. Never waits for a blocked write. */
  terminate(
    params: Params<"process/terminate">,
    signal?: AbortSignal,
  ): Promise<Result<"process/terminate">>;
  /** Running processes, and closed ones that can still be read. */
  list(signal?: AbortSignal): Promise<Result<"process/list">>;
}
