import { availableParallelism } from "node:os";
import { busyPollMs, pipelinedGapMs } from "../limits.ts";

/** On a single processor it would take the time in which the client makes its next request. */
const isWorthIt = availableParallelism() > 1;

let lastMs = 0;
let untilMs = 0;
let isPolling = false;

/**
 * Tells that a request was answered at once. While requests follow each other closely, the event
 * loop does not go to sleep between them: a client that asks one thing after the other then waits
 * for no processor to wake up, which took half of the time of a small request. It costs hardly
 * more than waking up so often does; a request that comes by itself costs nothing more.
 *
 * Requests that do not wait for each other's answers are better served in the batches that gather
 * while the loop sleeps.
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

/** A turn of the loop with something left to do looks for what has arrived and does not wait. */
function pollOn(): void {
  if (performance.now() < untilMs) setImmediate(pollOn);
  else isPolling = false;
}
