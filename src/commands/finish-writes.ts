import { Buffer } from "node:buffer";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import {
  hasJournals,
  journalPlaces,
  journalSecretVariable,
  journalsPath,
} from "../environment/local/journal/place.ts";
import type { Log } from "../server/watch/log.ts";

/**
 * `codex exec-server finish-writes`, run by the keeper: finishes the file writes of a killed
 * server. It removes everything in the folder, so it refuses every folder but that of this user's
 * journals.
 */
export async function runFinishWrites(journals: string): Promise<void> {
  if (journals !== journalsPath(dirname(dirname(journals)))) {
    process.stderr.write(`Error: ${journals} is not where servers of this user keep journals\n`);
    process.exit(1);
  }
  const { finishWrites } = await import("../environment/local/journal/finish.ts");
  const secret = process.env[journalSecretVariable];
  await finishWrites(journals, { secret: secret ? Buffer.from(secret, "hex") : undefined });
  // Exits without waiting: a write that hangs in a dead mount must not continue when confined
  // processes may write there.
  const { immediateExit } = await import("../environment/local/libc/immediate-exit.ts");
  (await immediateExit())?.(0);
  process.exit(0);
}

/** Finishes the writes of killed servers when this one starts, before it has clients. */
export async function finishWritesOfKilled(log: Log): Promise<void> {
  const [place] = journalPlaces(tmpdir());
  if (place === undefined || !hasJournals(place)) return;
  const { finishWrites } = await import("../environment/local/journal/finish.ts");
  const { finished, failures } = await finishWrites(journalsPath(place));
  for (const path of finished)
    log("info", `finished writing ${path}, at which a server was killed`);
  for (const why of failures) log("warn", `a write of a killed server cannot be finished: ${why}`);
}
