import { bwrapTrialMs, trialOutputBytesMax } from "../../limits.ts";
import { type Outcome, type Run, whetherUnknown } from "../../sandbox/bwrap/health.ts";
import { runProgram } from "./spawn/run-program.ts";
import type { Spawner } from "./spawn/start/spawner.ts";

/**
 * Runs the sandbox's probes of this machine by a spawner that is still being tested, because the
 * first client waits for both. If that spawner fails its test, the probe is repeated with the
 * other.
 */
export function probesBy(untested: Promise<Spawner>, tested: Promise<Spawner>): Run {
  return async (path, argv) => {
    const first = await Promise.race([untested, tested]);
    const outcome = await runProbe(first, [path, ...argv]);
    const spawner = await tested;
    return spawner === first ? outcome : runProbe(spawner, [path, ...argv]);
  };
}

async function runProbe(spawner: Spawner, argv: [string, ...string[]]): Promise<Outcome> {
  const bounds = { timeoutMs: bwrapTrialMs, outputBytesMax: trialOutputBytesMax };
  try {
    const { exitCode, isTimedOut, stdout, stderr } = await runProgram(spawner, { argv, ...bounds });
    const said = stderr.trimEnd() || `it ended with ${exitCode}`;
    return { works: exitCode === 0, stdout, complaint: isTimedOut ? "timeout" : said };
  } catch (error) {
    const complaint = (error as Error).message;
    return { works: false, stdout: "", complaint, ...whetherUnknown(error) };
  }
}
