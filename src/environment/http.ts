import type { Params, Result } from "../protocol/methods.ts";

/**
 * HTTP requests made from one machine. Bodies are base64; those of streamed responses go, as
 * `http/request/bodyDelta`, to the `Emit` that the implementation was made with.
 */
export interface Http {
  /**
   * Makes a request. Settles when the whole body has come, or its headers when it is streamed; the
   * deltas follow. Fails with -32602 for a request that cannot be made as it is, -32603 when there
   * is no response, when its body is cut or too large, or when the time is over. One that has not
   * begun when its signal is aborted need not be made.
   */
  request(params: Params<"http/request">, signal?: AbortSignal): Promise<Result<"http/request">>;
  /** Ends the requests of this id; settles when they are over and the id is free. */
  cancel(params: Params<"http/cancel">): Promise<Result<"http/cancel">>;
}
