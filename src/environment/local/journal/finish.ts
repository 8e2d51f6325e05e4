/** Finishes the writes that servers of this user were killed at. */
import { lstat, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { finisherLookMs, finishWritesMs, foreignJournalMs } from "../../../limits.ts";
import { settledWithin } from "../settled-within.ts";
import { type FolderLock, lockFolder, lockMark } from "./folder.ts";
import { isGrants, mayWriteBy } from "./lent.ts";
import { finisherFolderName, isFinisherFolder, ownFolderName, stateOfOwner } from "./owner.ts";
import { goneNowMs, redo } from "./redo.ts";

export interface FinishedWrites {
  /** Paths of files that have their new content now. */
  readonly finished: string[];
  /** Why others are left as they are. */
  readonly failures: string[];
}

/**
 * For a server that starts: its clients must not meet a write that is still being finished. Waits
 * also for others that are at it. After `limitMs` nothing is written any more; what is left is kept
 * for whoever comes after this process. A file is written only when it is still the one that the
 * record names and nobody has changed it since.
 */
export async function finishWrites(
  journals: string,
  limitMs = finishWritesMs,
): Promise<FinishedWrites> {
  const end = new AbortController();
  const work = new FinishingWork(journals, end.signal);
  await settledWithin(work.run(), limitMs);
  end.abort();
  await work.leaveRest();
  return work.outcome;
}

interface TakenFolder {
  readonly path: string;
  readonly goneMs: number;
  /** Whether what is in it was written before the last start of the machine. */
  readonly isReliable: boolean;
  readonly lock: FolderLock | undefined;
}

class FinishingWork {
  readonly outcome: FinishedWrites = { finished: [], failures: [] };
  readonly #journals: string;
  readonly #signal: AbortSignal;
  /** Folders that we have taken over and not removed yet. */
  readonly #taken = new Set<TakenFolder>();

  constructor(journals: string, signal: AbortSignal) {
    this.#journals = journals;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    await this.#finishAll();
    while ((await this.#folders()).some(isFinisherFolder) && !this.#signal.aborted) {
      await setTimeout(finisherLookMs);
      await this.#finishAll();
    }
  }

  /** Under a name for which nobody waits: what hangs now may do so for long. */
  async leaveRest(): Promise<void> {
    for (const { path } of this.#taken) {
      this.outcome.failures.push(
        `${path} could not be worked off in time; the next start will try`,
      );
      await rename(path, join(this.#journals, ownFolderName())).catch(this.#tell);
    }
  }

  /** Side by side: of a file that hangs nobody else should have to wait. */
  async #finishAll(): Promise<void> {
    const names = await this.#folders();
    await Promise.all(names.map((name) => this.#finishFolder(name).catch(this.#tell)));
  }

  async #finishFolder(name: string): Promise<void> {
    if (this.#signal.aborted) return;
    const folder = await takeOver(this.#journals, name);
    if (folder === undefined) return;
    this.#taken.add(folder);
    try {
      await this.#workOff(folder);
    } catch (error) {
      if (this.#signal.aborted) return;
      // What cannot be understood now will not be the next time.
      this.#tell(error);
      await rm(folder.path, { recursive: true, force: true });
    }
    this.#taken.delete(folder);
    folder.lock?.release();
  }

  async #workOff(folder: TakenFolder): Promise<void> {
    const names = (await readdir(folder.path)).filter((name) => name !== lockMark);
    const slips = names.filter((name) => !isGrants(name)).map((name) => join(folder.path, name));
    await Promise.all(slips.map((slip) => this.#finishSlip(slip, folder)));
    // Behind the slips, of which a lent one without its grants would be of no use.
    for (const name of names.filter(isGrants)) await unlink(join(folder.path, name));
    await unlink(join(folder.path, lockMark)).catch(unlessGone);
    await rmdir(folder.path);
  }

  async #finishSlip(slip: string, { isReliable, goneMs }: TakenFolder): Promise<void> {
    const signal = this.#signal;
    try {
      const mayWrite = isReliable && (await mayWriteBy(slip));
      const path = mayWrite && (await redo(slip, { goneMs, mayWrite, signal }));
      if (path) this.outcome.finished.push(path);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#tell(error);
    }
    signal.throwIfAborted();
    await rm(slip, { recursive: true });
  }

  /** None where somebody else could have written: his records would be done with our rights. */
  async #folders(): Promise<string[]> {
    const ours = await Promise.all([dirname(this.#journals), this.#journals].map(isOurs));
    if (!ours.every(Boolean)) return [];
    return readdir(this.#journals).catch((error) => {
      this.#tell(error);
      return [];
    });
  }

  readonly #tell = (error: unknown): void => {
    this.outcome.failures.push(error instanceof Error ? error.message : String(error));
  };
}

async function isOurs(directory: string): Promise<boolean> {
  const stats = await lstat(directory).catch(() => undefined);
  if (!stats?.isDirectory() || (stats.mode & 0o022) !== 0) return false;
  return stats.uid === (process.getuid?.() ?? 0);
}

/** Undefined when its server lives, or somebody else has taken it over. */
async function takeOver(journals: string, name: string): Promise<TakenFolder | undefined> {
  const path = join(journals, name);
  const owner = stateOfOwner(name);
  if (owner === "lives") return undefined;
  const lock = await lockFolder(path).catch(notAFolder);
  if (owner === "elsewhere" && !(await isGone(path, lock))) {
    if (typeof lock === "object") lock.release();
    return undefined;
  }
  const goneMs = goneNowMs();
  const ours = join(journals, finisherFolderName());
  const held = typeof lock === "object" ? lock : undefined;
  try {
    await rename(path, ours);
  } catch (error) {
    held?.release();
    return unlessGone(error as NodeJS.ErrnoException);
  }
  return { path: ours, goneMs, isReliable: owner !== "crashed", lock: held };
}

/** Whether a process of another container is, as far as can be told from its folder. */
async function isGone(folder: string, lock: FolderLock | "held" | "impossible"): Promise<boolean> {
  if (lock === "held") return false;
  const names = await readdir(folder).catch((): string[] => []);
  if (typeof lock === "object" && names.includes(lockMark)) return true;
  // A server that could not lock it: nothing is known but that its writes do not take so long.
  const times = [folder, ...names.map((name) => join(folder, name))].map((path) =>
    lstat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return Date.now() - Math.max(...(await Promise.all(times))) > foreignJournalMs;
}

/** What is no folder, or is not there any more, will be found to be so when it is worked off. */
const notAFolder = () => "impossible" as const;

/** Somebody else has just removed it. */
function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
