/** Finishes the writes that servers of this user were killed at. */
import { lstat, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { finisherLookMs, finishWritesMs } from "../../../limits.ts";
import { settledWithin } from "../settled-within.ts";
import { fateOf, finisherFolderName, isFinisherFolder } from "./owner.ts";
import { redo } from "./redo.ts";

export interface FinishedWrites {
  /** Paths of files that have their new content now. */
  readonly finished: string[];
  /** Why others are left as they are. */
  readonly failures: string[];
}

/**
 * For a server that starts: its clients must not meet a write that is still being finished. Waits
 * also for others that are at it, but not for ever: the file may lie on a dead mount. `beganMs` is
 * the beginning of this process if absent: what changed later was not changed by those killed.
 */
export async function finishWritesFirst(
  journals: string,
  beganMs = performance.timeOrigin,
): Promise<FinishedWrites> {
  const outcome: FinishedWrites = { finished: [], failures: [] };
  const options = { journals, beganMs, outcome };
  const untilMs = performance.now() + finishWritesMs;
  const finish = async () => {
    await finishWrites(options);
    while ((await folders(journals)).some(isFinisherFolder) && performance.now() < untilMs) {
      await setTimeout(finisherLookMs);
      await finishWrites(options);
    }
  };
  await settledWithin(finish(), finishWritesMs);
  return outcome;
}

export interface FinishOptions {
  readonly journals: string;
  readonly beganMs: number;
  readonly outcome: FinishedWrites;
}

/**
 * Looks at the folders of all servers whose process is gone, and removes them. A file is written
 * only when it is still the one that the record names and nobody has changed it since.
 */
export async function finishWrites(options: FinishOptions): Promise<void> {
  const { journals } = options;
  for (const name of await folders(journals)) {
    const folder = await takeOver(journals, name);
    if (folder === undefined) continue;
    for (const slip of await readdir(folder.path)) {
      const path = join(folder.path, slip);
      if (folder.isReliable) await finishOne(path, options);
      await unlink(path);
    }
    await rmdir(folder.path);
  }
}

async function finishOne(slip: string, { beganMs, outcome }: FinishOptions): Promise<void> {
  try {
    const path = await redo(slip, beganMs);
    if (path !== undefined) outcome.finished.push(path);
  } catch (error) {
    outcome.failures.push(error instanceof Error ? error.message : String(error));
  }
}

/** None where somebody else could have written: his records would be done with our rights. */
async function folders(journals: string): Promise<string[]> {
  const ours = await Promise.all([dirname(journals), journals].map(isOurs));
  return ours.every(Boolean) ? readdir(journals).catch(none) : [];
}

async function isOurs(directory: string): Promise<boolean> {
  const stats = await lstat(directory).catch(() => undefined);
  if (!stats?.isDirectory() || (stats.mode & 0o022) !== 0) return false;
  return stats.uid === (process.getuid?.() ?? 0);
}

/** Undefined when its server lives, or somebody else has taken it over. */
async function takeOver(journals: string, name: string) {
  const path = join(journals, name);
  const fate = fateOf({ name, changedMs: await lastChangeMs(path) });
  if (fate === "lives") return undefined;
  const ours = join(journals, finisherFolderName());
  try {
    await rename(path, ours);
  } catch (error) {
    none(error as NodeJS.ErrnoException);
    return undefined;
  }
  return { path: ours, isReliable: fate === "gone" };
}

async function lastChangeMs(folder: string): Promise<number> {
  const slips = await readdir(folder).catch(none);
  const times = [folder, ...slips.map((slip) => join(folder, slip))].map((path) =>
    lstat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return Math.max(...(await Promise.all(times)));
}

/** Somebody else has just removed it. */
function none(error: NodeJS.ErrnoException): string[] {
  if (error.code !== "ENOENT") throw error;
  return [];
}
