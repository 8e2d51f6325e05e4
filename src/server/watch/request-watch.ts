import { loggedIdCharsMax, loggedNameCharsMax } from "../../limits.ts";
import type { IncomingRequest } from "../../protocol/json-rpc.ts";
import { requests } from "../../protocol/methods.ts";
import { countOne, countRequest } from "./counters.ts";
import { shownTrace } from "./request-traces.ts";
import type { Telemetry } from "./telemetry.ts";

export interface Outcome {
  readonly sentBytes: number;
  /** The error code, if the answer is an error. */
  readonly code?: number;
}

/** A request that has arrived. */
export interface Asked {
  readonly request: IncomingRequest;
  readonly receivedBytes: number;
  readonly startedAtMs: number;
}

/** Holds the request as it is, because a copy took a third of the time of a small request. */
interface Answered {
  readonly asked: Asked;
  /** The number of the connection, and the label of its session once there is one. */
  readonly connection: number;
  readonly session: string | undefined;
}

/** Counts a request that has been answered, and logs it at level debug. */
export function requestAnswered(
  { log, counters }: Telemetry,
  { asked, connection, session }: Answered,
  outcome: Outcome,
): void {
  const { method, id, trace } = asked.request;
  const durationMs = performance.now() - asked.startedAtMs;
  const knownMethod = Object.hasOwn(requests, method) ? method : "unknown";
  countRequest(counters, knownMethod, durationMs);
  if (outcome.code !== undefined) countOne(counters.errors, outcome.code);
  if (!log.writes("debug")) return;
  log("debug", "request answered", {
    method: knownMethod,
    id: id.slice(0, loggedNameCharsMax),
    connection,
    session,
    process: processIdOf(asked.request.params),
    durationMs: Math.round(durationMs * 1000) / 1000,
    receivedBytes: asked.receivedBytes,
    sentBytes: outcome.sentBytes,
    code: outcome.code,
    traceparent: shownTrace(trace),
  });
}

function processIdOf(params: unknown): string | undefined {
  const processId = (params as { readonly processId?: unknown } | null | undefined)?.processId;
  return typeof processId === "string" ? processId.slice(0, loggedIdCharsMax) : undefined;
}
