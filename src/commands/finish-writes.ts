import { tmpdir } from "node:os";
import { hasJournals, journalsPath } from "../environment/local/journal/place.ts";
import type { Log } from "../server/log.ts";

/** `codex exec-server finish-writes`: what a killed server was writing, by whoever outlived it. */
export async function runFinishWrites(journals: string): Promise<void> {
  const { finishWrites } = await import("../environment/local/journal/finish.ts");
  const outcome = { finished: [], failures: [] };
  await finishWrites({ journals, outcome, beganMs: performance.timeOrigin });
}

/** The same by the next server, before it has clients. */
export async function finishWritesOfKilled(log: Log): Promise<void> {
  if (!hasJournals(tmpdir())) return;
  const { finishWritesFirst } = await import("../environment/local/journal/finish.ts");
  const { finished, failures } = await finishWritesFirst(journalsPath(tmpdir()));
  for (const path of finished)
    log("info", `finished writing ${path}, at which a server was killed`);
  for (const why of failures) log("warn", `a write of a killed server cannot be finished: ${why}`);
}
