/** Finishes the file writes in the midst of which servers of this user were killed. */
import type { Buffer } from "node:buffer";
import { lstat, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { settledWithin } from "../../../async/settled-within.ts";
import { finisherLookMs, finishWritesMs } from "../../../limits.ts";
import { messageOf } from "../../../protocol/errors.ts";
import { discard } from "./discard.ts";
import { lockMark } from "./folder.ts";
import { isGrants, mayWriteBy } from "./lent.ts";
import { machineSecret } from "./machine-secret.ts";
import { isFinisherFolder, ownFolderName } from "./owner.ts";
import { redo } from "./redo.ts";
import { isSealed, sealName } from "./seal.ts";
import { type TakenFolder, takeOver, unlessGone } from "./take-over.ts";

export interface FinishedWrites {
  /** Paths of the files that have their new content now. */
  readonly finished: string[];
  /** Why other writes were not finished. */
  readonly failures: string[];
}

export interface FinishOptions {
  /** The killed server's secret, if it is known. */
  readonly secret?: Buffer | undefined;
  /** `finishWritesMs` when absent. */
  readonly limitMs?: number | undefined;
}

/**
 * Waits for other finishers, too, so that the clients of a starting server meet no write that is
 * still being finished. After `limitMs` nothing more is written; the rest is left to the next
 * finisher. A file is written only when it is still the one that the record names and has not been
 * changed since.
 */
export async function finishWrites(
  journals: string,
  { secret, limitMs = finishWritesMs }: FinishOptions = {},
): Promise<FinishedWrites> {
  const end = new AbortController();
  const work = new FinishingWork({ journals, secret, signal: end.signal });
  await settledWithin(work.run(), limitMs);
  end.abort();
  await work.leaveRest();
  return work.outcome;
}

interface FinishingParts {
  readonly journals: string;
  readonly secret: Buffer | undefined;
  readonly signal: AbortSignal;
}

class FinishingWork {
  readonly outcome: FinishedWrites = { finished: [], failures: [] };
  readonly #journals: string;
  readonly #secret: Buffer | undefined;
  readonly #signal: AbortSignal;
  /** Takeovers under way; those that succeed add to `#taken`. */
  readonly #taking = new Set<Promise<unknown>>();
  /** Folders that were taken over and are not removed yet. */
  readonly #taken = new Set<TakenFolder>();
  /** Names of folders whose seal cannot be checked here. */
  readonly #doubtful = new Set<string>();

  constructor({ journals, secret, signal }: FinishingParts) {
    this.#journals = journals;
    this.#secret = secret;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    await this.#finishAll();
    while ((await this.#folders()).some(isFinisherFolder) && !this.#signal.aborted) {
      await setTimeout(finisherLookMs);
      await this.#finishAll();
    }
  }

  /**
   * Renames unfinished folders, so that no finisher waits for them: their disk may hang for long.
   */
  async leaveRest(): Promise<void> {
    await Promise.all(this.#taking);
    for (const { path } of this.#taken) {
      this.outcome.failures.push(
        `${path} could not be worked off in time; the next start will try`,
      );
      await rename(path, join(this.#journals, ownFolderName())).catch(this.#report);
    }
  }

  /** Finishes all folders in parallel, so that a file that hangs holds up no other. */
  async #finishAll(): Promise<void> {
    const names = await this.#folders();
    await Promise.all(names.map((name) => this.#finishFolder(name).catch(this.#report)));
  }

  async #finishFolder(name: string): Promise<void> {
    const folder = await this.#take(name);
    if (folder === undefined) return;
    try {
      await this.#workOff(folder);
    } catch (error) {
      if (this.#signal.aborted) return;
      // What cannot be read now will not be readable the next time.
      this.#report(error);
      await rm(folder.path, { recursive: true, force: true });
    }
    this.#taken.delete(folder);
    folder.lock?.release();
  }

  async #take(name: string): Promise<TakenFolder | undefined> {
    const path = join(this.#journals, name);
    const mayTake = (own: string, isReliable: boolean) => this.#mayTake(own, isReliable);
    const taking = takeOver(path, { signal: this.#signal, mayTake }).then((folder) => {
      if (folder) this.#taken.add(folder);
      return folder;
    });
    const over = taking.catch(reportedByCaller);
    this.#taking.add(over);
    return taking.finally(() => this.#taking.delete(over));
  }

  /**
   * Refuses a folder without a valid seal, because a sandboxed process may have put it there, and
   * discards it. Without the machine's secret a folder of this boot stays: its seal may be good.
   */
  async #mayTake(path: string, isReliable: boolean): Promise<boolean> {
    // There are no sandboxes on other systems.
    if (process.platform !== "linux") return true;
    const lasting = await machineSecret();
    const secrets = [this.#secret, lasting].filter((secret) => secret !== undefined);
    if (await isSealed(path, secrets)) return true;
    const isDoubtful = lasting === undefined && isReliable;
    if (isDoubtful) this.#doubtful.add(basename(path));
    const isLost = isDoubtful || (await discard(this.#journals, basename(path)));
    const about = "bears no seal of a server of this user, and so nothing of it is done";
    if (isLost && isReliable) this.outcome.failures.push(`${path} ${about}`);
    return false;
  }

  async #workOff(folder: TakenFolder): Promise<void> {
    const names = (await readdir(folder.path)).filter((name) => !marks.includes(name));
    const slips = names.filter((name) => !isGrants(name)).map((name) => join(folder.path, name));
    await Promise.all(slips.map((slip) => this.#finishSlip(slip, folder)));
    // After the slips: a lent slip cannot be redone without its grants.
    for (const name of names.filter(isGrants)) await unlink(join(folder.path, name));
    for (const mark of marks) await unlink(join(folder.path, mark)).catch(unlessGone);
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
      this.#report(error);
    }
    signal.throwIfAborted();
    await rm(slip, { recursive: true });
  }

  /**
   * Names of journal folders. None if other users can write there: their records would be redone
   * with our rights.
   */
  async #folders(): Promise<string[]> {
    const ours = await Promise.all([dirname(this.#journals), this.#journals].map(isOurs));
    if (!ours.every(Boolean)) return [];
    const names = await readdir(this.#journals).catch((error): string[] => {
      this.#report(error);
      return [];
    });
    return names.filter((name) => !this.#doubtful.has(name));
  }

  readonly #report = (error: unknown): void => {
    this.outcome.failures.push(messageOf(error));
  };
}

/** In this order, because a folder that has lost its seal is not trusted any more. */
const marks = [lockMark, sealName];

/** `#finishFolder` reports a takeover that fails. */
const reportedByCaller = () => undefined;

async function isOurs(directory: string): Promise<boolean> {
  const stats = await lstat(directory).catch(() => undefined);
  if (!stats?.isDirectory() || (stats.mode & 0o022) !== 0) return false;
  return stats.uid === (process.getuid?.() ?? 0);
}
