/**
 * A journal folder is locked by the process that works with it. The kernel releases the lock when
 * that process ends, which other containers notice, too, although its pid means nothing there; and
 * systemd cleans up no locked folder for temporary files.
 */
import type { Buffer } from "node:buffer";
import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { constants as system } from "node:os";
import { dirname, join } from "node:path";
import { ownDirectory } from "../../../sandbox/state/state-directory.ts";
import { type Libc, libcIfAny, native } from "../libc/libc.ts";
import { identityOf, seal } from "./seal.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** The file in a folder that has been locked. Without it a free lock proves nothing. */
export const lockMark = "locked";

export interface FolderLock {
  release(): void;
}

/**
 * Locks a folder without waiting: `held` by another process, or `impossible` here. Throws when the
 * folder cannot be opened.
 */
export async function lockFolder(path: string): Promise<FolderLock | "held" | "impossible"> {
  const libc = await libcIfAny();
  return libc ? tryLock(libc, path) : "impossible";
}

export interface JournalFolderOptions {
  readonly path: string;
  /** Secrets to seal the folder with; a finisher that knows one of them trusts its records. */
  readonly secrets: () => Promise<readonly Buffer[]>;
  /** Whether a sandboxed process that runs now could write there. */
  readonly isExposed: (path: string) => boolean;
}

/** The journal folder of one server. */
export class JournalFolder {
  readonly path: string;
  readonly #options: JournalFolderOptions;
  #lock: FolderLock | undefined;
  #identity = "";

  constructor(options: JournalFolderOptions) {
    this.path = options.path;
    this.#options = options;
  }

  /** False when the folder was removed, as by a clean-up of temporary files, or replaced. */
  get isThere(): boolean {
    return this.#identity !== "" && identityOf(this.path) === this.#identity;
  }

  /**
   * Creates the folder, also after it was removed. When a directory is removed the kernel drops the
   * mounts that cover it in sandboxes: a sandboxed process that still runs could forge our records
   * then, so this throws while there is one.
   */
  async make(): Promise<void> {
    const [libc, secrets] = await Promise.all([libcIfAny(), this.#options.secrets()]);
    const { path } = this;
    const journals = dirname(path);
    this.#refuseExposed();
    for (const directory of [dirname(journals), journals]) await ownDirectory(directory);
    this.#refuseExposed();
    // Throws when something is there already, and leaves it alone.
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

function tryLock(libc: Libc, path: string): FolderLock | "held" | "impossible" {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (libc.flock(fd, native.LOCK_EX | native.LOCK_NB) === 0) {
    return { release: () => closeSync(fd) };
  }
  const isHeld = libc.errno() === system.errno.EWOULDBLOCK;
  closeSync(fd);
  return isHeld ? "held" : "impossible";
}
