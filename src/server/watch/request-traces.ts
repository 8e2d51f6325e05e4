import { loggedIdCharsMax } from "../../limits.ts";
import type { Trace } from "../../protocol/json-rpc.ts";

/** Trace ids by the params of their request, the one object that reaches the process watch. */
const traceparents = new WeakMap<object, string>();

/** Remembers a request's trace for as long as its params are in use. */
export function setTrace(params: object, trace: Trace | undefined): void {
  const shown = shownTrace(trace);
  if (shown) traceparents.set(params, shown);
}

/** The `traceparent` of a trace, cut to the length that logs show. */
export const shownTrace = (trace: Trace | undefined): string | undefined =>
  trace?.traceparent?.slice(0, loggedIdCharsMax);

export const traceparentOf = (params: object): string | undefined => traceparents.get(params);
