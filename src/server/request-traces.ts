import { loggedIdCharsMax } from "../limits.ts";
import type { Trace } from "../protocol/json-rpc.ts";

/** By the params of the request, which a handler hands on to where processes are watched. */
const traceparents = new WeakMap<object, string>();

/** Remembers to which trace a request belongs, as long as its params are in use. */
export function setTrace(params: object, trace: Trace | undefined): void {
  const shown = shownTrace(trace);
  if (shown) traceparents.set(params, shown);
}

/** As far as logs tell it. */
export const shownTrace = (trace: Trace | undefined): string | undefined =>
  trace?.traceparent?.slice(0, loggedIdCharsMax);

export const traceparentOf = (params: object): string | undefined => traceparents.get(params);
