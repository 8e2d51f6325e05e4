/** Takes over the journal folder of a dead server, so that no other finisher does. */
import { lstat, readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { foreignJournalMs } from "../../../limits.ts";
import { type FolderLock, lockFolder, lockMark } from "./folder.ts";
import { finisherFolderName, stateOfOwner } from "./owner.ts";
import { goneNowMs } from "./redo.ts";

export interface TakenFolder {
  readonly path: string;
  /** Time at which its server was known to be gone. */
  readonly goneMs: number;
  /** False for a folder of an earlier boot: a crash of the machine may have torn its content. */
  readonly isReliable: boolean;
  readonly lock: FolderLock | undefined;
}

export interface TakingOptions {
  /** Nothing is taken over any more once this is aborted. */
  readonly signal: AbortSignal;
  /** Called for a folder whose server is gone; false when it must not be taken over. */
  readonly mayTake: (path: string, isReliable: boolean) => Promise<boolean>;
}

/** Undefined when its server lives, another finisher was first, or `mayTake` refuses. */
export async function takeOver(
  path: string,
  { signal, mayTake }: TakingOptions,
): Promise<TakenFolder | undefined> {
  const owner = stateOfOwner(basename(path));
  if (owner === "lives" || signal.aborted) return undefined;
  const lock = await lockFolder(path).catch(notAFolder);
  const held = typeof lock === "object" ? lock : undefined;
  const isReliable = owner !== "crashed";
  const isFree = owner !== "elsewhere" || (await isGone(path, lock));
  const goneMs = goneNowMs();
  if (!isFree || !(await mayTake(path, isReliable)) || signal.aborted) {
    held?.release();
    return undefined;
  }
  const ours = join(dirname(path), finisherFolderName());
  try {
    await rename(path, ours);
  } catch (error) {
    held?.release();
    return unlessGone(error as NodeJS.ErrnoException);
  }
  return { path: ours, goneMs, isReliable, lock: held };
}

/** Whether a server of another container is gone, as far as its folder tells. */
async function isGone(folder: string, lock: FolderLock | "held" | "impossible"): Promise<boolean> {
  if (lock === "held") return false;
  const names = await readdir(folder).catch((): string[] => []);
  if (typeof lock === "object" && names.includes(lockMark)) return true;
  // Never locked, so only its age tells: no write takes that long.
  const times = [folder, ...names.map((name) => join(folder, name))].map((path) =>
    lstat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return Date.now() - Math.max(...(await Promise.all(times))) > foreignJournalMs;
}

/** Without a folder, the rename or the work on it fails instead. */
const notAFolder = () => "impossible" as const;

/** Ignores that another process has just removed it. */
export function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
