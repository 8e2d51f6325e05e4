import type { Params, Result } from "../protocol/methods.ts";

/**
 * Commands of one session. Methods take and give what the protocol says; events of the processes go
 * to the `Emit` that the implementation was made with. What has not begun when its signal is
 * aborted need not be done.
 */
export interface Processes {
  /**
   * Starts a command. The id counts as taken from the moment of the call; later calls about it wait
   * for the start. Fails with -32600 when the id is taken, -32602 for a working directory that is
   * not of this host, -32603 with the system's reason when the command cannot be started.
   */
  start(params: Params<"process/start">, signal?: AbortSignal): Promise<Result<"process/start">>;
  /** Gives retained output, waiting for some if asked to. Fails with -32600 for an unknown id. */
  read(params: Params<"process/read">): Promise<Result<"process/read">>;
  /** Queues bytes for stdin; answers when they are queued, which waits while the queue is full. */
  write(params: Params<"process/write">, signal?: AbortSignal): Promise<Result<"process/write">>;
  /** Ends stdin after what was written before. */
  closeStdin(
    params: Params<"process/closeStdin">,
    signal?: AbortSignal,
  ): Promise<Result<"process/closeStdin">>;
  /** Changes the size of a terminal. */
  resize(params: Params<"process/resize">, signal?: AbortSignal): Promise<Result<"process/resize">>;
  /** Sends the signal to the process group, if there still is one. */
  signal(params: Params<"process/signal">, signal?: AbortSignal): Promise<Result<"process/signal">>;
  /** Kills everything the process started. Never waits for a blocked write. */
  terminate(
    params: Params<"process/terminate">,
    signal?: AbortSignal,
  ): Promise<Result<"process/terminate">>;
  /** Running processes, and closed ones that can still be read. */
  list(signal?: AbortSignal): Promise<Result<"process/list">>;
}
