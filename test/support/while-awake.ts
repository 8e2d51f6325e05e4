import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { resumeProbeMs } from "../../src/limits.ts";

/**
 * An attempt that fails while this program stands still is made anew: a server that asks it for a
 * sign of life takes it for dead then, and rightly so.
 */
export async function whileAwake(attempt: () => Promise<void>): Promise<void> {
  const delay = monitorEventLoopDelay();
  delay.enable();
  try {
    await attempt();
  } catch (error) {
    // What came meanwhile may have been read before the delay was measured, which is due earlier.
    await setTimeout(1);
    if (delay.max / 1e6 < resumeProbeMs / 10) throw error;
    await whileAwake(attempt);
  } finally {
    delay.disable();
  }
}
