import { availableParallelism } from "node:os";
import { busyPollMs, pipelinedGapMs } from "../../limits.ts";

/** On a single processor, polling would delay the client that is making its next request. */
const isWorthIt = availableParallelism() > 1;

let lastMs = 0;
let untilMs = 0;
let isPolling = false;

/**
 * To be called when a request was answered at once. While such requests follow each other closely,
 * the event loop polls instead of sleeping: waking a processor took half the time of a small
 * request. Polling costs hardly more CPU than waking up so often; a single request costs nothing.
 *
 * Pipelined requests do not make it poll: they are better served in the batches that gather while
 * the loop sleeps.
 */
export function pollAfterRequest(cameAtMs: number): void {
  const gapMs = cameAtMs - lastMs;
  lastMs = cameAtMs;
  const isOneByOne = gapMs > pipelinedGapMs && gapMs < busyPollMs;
  untilMs = isOneByOne ? cameAtMs + busyPollMs : 0;
  if (!isOneByOne || isPolling || !isWorthIt) return;
  isPolling = true;
  setImmediate(pollOn);
}

/** As long as an immediate is pending, the event loop checks for input without going to sleep. */
function pollOn(): void {
  if (performance.now() < untilMs) setImmediate(pollOn);
  else isPolling = false;
}
