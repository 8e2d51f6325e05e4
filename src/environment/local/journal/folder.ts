/**
 * A folder of the journal is locked by whoever works with it. The kernel lets go of the lock when
 * that process is gone, also for other containers, in which its number means nothing; and systemd
 * tidies up no folder for temporary files that is locked.
 */
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from "node:fs";
import { constants as system } from "node:os";
import { join } from "node:path";
import { ownDirectory } from "../../../sandbox/state-directory.ts";
import { type Libc, loadLibc, native } from "../spawn/posix-libc.ts";

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

/** The folder of one server. */
export class JournalFolder {
  readonly path: string;
  #libc: Libc | undefined;
  #lock: FolderLock | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async make(): Promise<void> {
    this.#libc = await nativeFunctions();
    await ownDirectory(this.path);
    this.#locked();
  }

  /** Makes it anew if somebody tidied up the folder for temporary files. */
  makeAgain(): void {
    const made = mkdirSync(this.path, { recursive: true, mode: 0o700 });
    if (made !== undefined) this.#locked();
  }

  unlock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #locked(): void {
    this.unlock();
    const lock = this.#libc ? tryLock(this.#libc, this.path) : "impossible";
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
