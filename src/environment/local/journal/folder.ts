/**
 * A folder of the journal is locked by whoever works with it. The kernel lets go of the lock when
 * that process is gone, also for other containers, in which its number means nothing; and systemd
 * tidies up no folder for temporary files that is locked.
 */
import type { Buffer } from "node:buffer";
import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { constants as system } from "node:os";
import { dirname, join } from "node:path";
import { ownDirectory } from "../../../sandbox/state-directory.ts";
import { type Libc, loadLibc, native } from "../spawn/posix-libc.ts";
import { identityOf, seal } from "./seal.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** Is in a folder that has been locked: without it nothing follows from the lock being free. */
export const lockMark = "locked";

export interface FolderLock {
  release(): void;
}

/** `held` by somebody else, or `impossible` on this machine. */
export async function lockFolder(path: string): Promise<FolderLock | "held" | "impossible"> {
  const libc = await nativeFunctions();
  return libc ? tryLock(libc, path) : "impossible";
}

export interface JournalFolderOptions {
  readonly path: string;
  /** What it is sealed with, so that whoever knows one of them believes what is in it. */
  readonly secrets: () => Promise<readonly Buffer[]>;
  /** Whether somebody who is confined could write there now. */
  readonly isExposed: (path: string) => boolean;
}

/** The folder of one server. */
export class JournalFolder {
  readonly path: string;
  readonly #options: JournalFolderOptions;
  #lock: FolderLock | undefined;
  #identity = "";

  constructor(options: JournalFolderOptions) {
    this.path = options.path;
    this.#options = options;
  }

  /** False when somebody has tidied up the folder for temporary files, or put another one there. */
  get isThere(): boolean {
    return this.#identity !== "" && identityOf(this.path) === this.#identity;
  }

  /**
   * Also anew. The kernel takes what covers a directory in a sandbox away from one that is removed:
   * whoever runs since then could write what we would then be believed to have written.
   */
  async make(): Promise<void> {
    const [libc, secrets] = await Promise.all([nativeFunctions(), this.#options.secrets()]);
    const { path } = this;
    const journals = dirname(path);
    this.#refuseExposed();
    for (const directory of [dirname(journals), journals]) await ownDirectory(directory);
    this.#refuseExposed();
    // What somebody else may have put there is not touched, and fails this.
    mkdirSync(path, { mode: 0o700 });
    try {
      seal(path, secrets);
      this.#takeLock(libc);
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      throw error;
    }
    this.#identity = identityOf(path);
  }

  unlock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #refuseExposed(): void {
    if (!this.#options.isExposed(this.path)) return;
    throw new Error(`${this.path} was removed, and a confined process that runs may write there`);
  }

  #takeLock(libc: Libc | undefined): void {
    this.unlock();
    const lock = libc ? tryLock(libc, this.path) : "impossible";
    if (typeof lock === "string") return;
    this.#lock = lock;
    writeFileSync(join(this.path, lockMark), "");
  }
}

async function nativeFunctions(): Promise<Libc | undefined> {
  try {
    return await loadLibc();
  } catch {
    // There are none for this platform: what is known of others' processes has to do.
    return undefined;
  }
}

function tryLock(libc: Libc, path: string): FolderLock | "held" | "impossible" {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (libc.flock(fd, native.LOCK_EX | native.LOCK_NB) === 0) {
    return { release: () => closeSync(fd) };
  }
  const isHeld = libc.errno() === system.errno.EWOULDBLOCK;
  closeSync(fd);
  return isHeld ? "held" : "impossible";
}
