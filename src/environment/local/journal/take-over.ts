/** Taking over the folder of a server that is gone, so that nobody else does. */
import { lstat, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { foreignJournalMs } from "../../../limits.ts";
import { type FolderLock, lockFolder, lockMark } from "./folder.ts";
import { finisherFolderName, stateOfOwner } from "./owner.ts";
import { goneNowMs } from "./redo.ts";

export interface TakenFolder {
  readonly path: string;
  readonly goneMs: number;
  /** Whether what is in it was written before the last start of the machine. */
  readonly isReliable: boolean;
  readonly lock: FolderLock | undefined;
}

export interface TakingOptions {
  /** Nothing is taken over any more once this is aborted. */
  readonly signal: AbortSignal;
  /** Asked for what nobody is known to need; what may not be taken over stays as it is. */
  readonly mayTake: (path: string, isReliable: boolean) => Promise<boolean>;
}

/** Undefined when its server lives, or somebody else has taken it over. */
export async function takeOver(
  path: string,
  { signal, mayTake }: TakingOptions,
): Promise<TakenFolder | undefined> {
  const owner = stateOfOwner(path.slice(dirname(path).length + 1));
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
export function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
