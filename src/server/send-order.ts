import type { Event, EventParams, Method } from "../protocol/methods.ts";

/**
 * What may not overtake each other on its way out is in one lane: the events of a process and the
 * answers that have its output, which go on where the other leaves off; and all of one HTTP
 * exchange, whose pieces come behind its answer and not after that to its cancelling.
 */
export function laneOfAnswer(method: Method, params: unknown): string | undefined {
  if (method === "process/read") return (params as { readonly processId: string }).processId;
  if (!method.startsWith("http/")) return undefined;
  return (params as { readonly requestId: string }).requestId;
}

/** The same for an event. */
export function laneOfEvent(params: EventParams<Event>): string | undefined {
  if ("processId" in params) return params.processId;
  return "requestId" in params ? params.requestId : undefined;
}
