import type { Event, EventParams, Method } from "../../protocol/methods.ts";

/**
 * The lane of an answer. Messages that must not overtake each other share a lane: a process's
 * events and the answers with its output, because one continues the other; and everything about one
 * HTTP request, because its body follows its answer, and nothing may follow the answer to its
 * cancelling. Undefined for an answer that may overtake everything.
 */
export function laneOfAnswer(method: Method, params: unknown): string | undefined {
  if (method === "process/read") return (params as { readonly processId: string }).processId;
  if (!method.startsWith("http/")) return undefined;
  return (params as { readonly requestId: string }).requestId;
}

/** The lane of an event. */
export function laneOfEvent(params: EventParams<Event>): string | undefined {
  if ("processId" in params) return params.processId;
  return "requestId" in params ? params.requestId : undefined;
}
