import type { Params, Result } from "../protocol/methods.ts";

/**
 * HTTP requests made from one machine. Bodies are base64; those of streamed responses are sent, as
 * `http/request/bodyDelta`, to the `Emit` of the implementation.
 */
export interface Http {
  /**
   * Makes a request. Settles when the whole body has come, or the headers if it is streamed; the
   * deltas follow. Rejects with -32602 for an invalid request, with -32600 when too many are open,
   * and with -32603 when there is no response, when its body is cut or too large, or when the time
   * is over. A request that has not begun when its signal is aborted need not be made.
   */
  request(params: Params<"http/request">, signal?: AbortSignal): Promise<Result<"http/request">>;
  /** Interrupts the requests with this id; settles when they have ended and the id is free. */
  cancel(params: Params<"http/cancel">): Promise<Result<"http/cancel">>;
}
