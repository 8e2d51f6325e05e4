import { Buffer } from "node:buffer";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import {
  hasJournals,
  journalPlaces,
  journalSecretVariable,
  journalsPath,
} from "../environment/local/journal/place.ts";
import type { Log } from "../server/log.ts";

/**
 * `codex exec-server finish-writes`: what a killed server was writing, by whoever outlived it. What
 * is in the folder is removed, whatever it is, so no other folder is touched.
 */
export async function runFinishWrites(journals: string): Promise<void> {
  if (journals !== journalsPath(dirname(dirname(journals)))) {
    process.stderr.write(`Error: ${journals} is not where servers of this user keep journals\n`);
    process.exit(1);
  }
  const { finishWrites } = await import("../environment/local/journal/finish.ts");
  const secret = process.env[journalSecretVariable];
  await finishWrites(journals, { secret: secret ? Buffer.from(secret, "hex") : undefined });
  // What hangs in a dead mount must not write any more once somebody else may have.
  const { immediateExit } = await import("../environment/local/spawn/immediate-exit.ts");
  (await immediateExit())?.(0);
  process.exit(0);
}

/** The same by the next server, before it has clients. */
export async function finishWritesOfKilled(log: Log): Promise<void> {
  const [place] = journalPlaces(tmpdir());
  if (place === undefined || !hasJournals(place)) return;
  const { finishWrites } = await import("../environment/local/journal/finish.ts");
  const { finished, failures } = await finishWrites(journalsPath(place));
  for (const path of finished)
    log("info", `finished writing ${path}, at which a server was killed`);
  for (const why of failures) log("warn", `a write of a killed server cannot be finished: ${why}`);
}
