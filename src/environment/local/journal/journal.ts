import { mkdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { spareSlipsMax } from "../../../limits.ts";
import { ownDirectory, stateDirectoryPath } from "../../../sandbox/state-directory.ts";
import type { WriteEntry } from "./entry.ts";
import { ownFolderName } from "./owner.ts";
import { journalsPath } from "./place.ts";
import { type MayWrite, redo } from "./redo.ts";
import { JournalSlip } from "./slip.ts";

/** Keeps what is about to be written until it has been. */
export interface WriteJournal {
  /** Whoever finds the record can do `work` anew until it has settled. */
  during<T>(entry: WriteEntry, content: Uint8Array, work: () => Promise<T>): Promise<T>;
}

interface JournalOptions {
  readonly temporaryDirectory: string;
  /** Called before the first record: somebody will have to look at them after our death. */
  readonly begun: () => void;
  /** Told once why writes cannot be kept; they are made all the same. */
  readonly warn: (text: string) => void;
}

/** A slip for another process, which may write only some files. */
interface LentSlip {
  readonly fd: number;
  /** To be called when that process is gone. */
  finish(mayWrite: MayWrite): Promise<void>;
}

interface OpenSlip {
  readonly path: string;
  readonly slip: JournalSlip;
}

/** The journal of one server: a folder that is made with the first record. */
export class ServerJournal implements WriteJournal {
  readonly folder: string;
  readonly #options: JournalOptions;
  readonly #spare: OpenSlip[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  #made: Promise<void> | undefined;
  #slips = 0;
  #hasWarned = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.folder = join(journalsPath(options.temporaryDirectory), ownFolderName());
  }

  async during<T>(entry: WriteEntry, content: Uint8Array, work: () => Promise<T>): Promise<T> {
    const open = await this.#record(entry, content);
    const done = work();
    if (open === undefined) return done;
    const released = done.then(ignore, ignore).then(() => this.#release(open));
    this.#track(released);
    return done.finally(() => released);
  }

  /**
   * A slip for another process that writes for us, which records and clears by itself. Undefined
   * when there can be none.
   */
  async lend(): Promise<LentSlip | undefined> {
    try {
      await this.#makeOnce();
      // A new one: others have held what somebody else wrote.
      const open = this.#new();
      let tellBack = () => {};
      this.#track(new Promise<void>((resolve) => (tellBack = resolve)));
      return {
        fd: open.slip.fd,
        finish: (mayWrite) => this.#finish(open, mayWrite).finally(tellBack),
      };
    } catch (error) {
      this.#warn(error);
      return undefined;
    }
  }

  /** Waits for what is under way, and leaves nothing behind. */
  async close(): Promise<void> {
    await Promise.all(this.#underWay);
    for (const open of this.#spare.splice(0)) this.#drop(open);
    if (this.#made) tolerated(() => rmdirSync(this.folder));
  }

  #track(work: Promise<unknown>): void {
    this.#underWay.add(work);
    const forget = () => this.#underWay.delete(work);
    work.then(forget, forget);
  }

  /** Undefined when it cannot be recorded: a full disk there must not keep anybody from writing. */
  async #record(entry: WriteEntry, content: Uint8Array): Promise<OpenSlip | undefined> {
    let open: OpenSlip | undefined;
    try {
      open = await this.#takeMade();
      await open.slip.record(entry, content);
      return open;
    } catch (error) {
      if (open) this.#drop(open);
      this.#warn(error);
      return undefined;
    }
  }

  async #takeMade(): Promise<OpenSlip> {
    await this.#makeOnce();
    return this.#take();
  }

  async #makeOnce(): Promise<void> {
    this.#made ??= this.#make();
    try {
      await this.#made;
    } catch (error) {
      // What is in the way may be gone the next time.
      this.#made = undefined;
      throw error;
    }
  }

  async #finish(open: OpenSlip, mayWrite: MayWrite): Promise<void> {
    try {
      await redo(open.path, Date.now(), mayWrite);
    } catch (error) {
      this.#warn(error);
    }
    this.#drop(open);
  }

  async #make(): Promise<void> {
    const { temporaryDirectory, begun } = this.#options;
    await ownDirectory(stateDirectoryPath(temporaryDirectory));
    await ownDirectory(journalsPath(temporaryDirectory));
    await ownDirectory(this.folder);
    begun();
  }

  #take(): OpenSlip {
    for (let open = this.#spare.pop(); open; open = this.#spare.pop()) {
      if (open.slip.isThere) return open;
      open.slip.close();
    }
    return this.#new();
  }

  #new(): OpenSlip {
    // Somebody tidied up the folder for temporary files.
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, `${this.#slips++}`);
    return { path, slip: new JournalSlip(path) };
  }

  #release(open: OpenSlip): void {
    try {
      open.slip.clear();
      if (this.#spare.length < spareSlipsMax) this.#spare.push(open);
      else this.#drop(open);
    } catch (error) {
      // A record that is not cleared would be done again: away with it.
      this.#drop(open);
      this.#warn(error);
    }
  }

  #drop({ path, slip }: OpenSlip): void {
    try {
      tolerated(() => unlinkSync(path));
    } catch (error) {
      // How a write went does not depend on this.
      slip.empty();
      this.#warn(error);
    } finally {
      slip.close();
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.warn(`files are written without a journal, a crash can tear them: ${reason}`);
  }
}

/** How a write went is told to whoever asked for it. */
const ignore = () => undefined;

/** Only fails when somebody else has removed it, which was the purpose. */
function tolerated(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}
