import { randomBytes } from "node:crypto";
import { rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { deferred } from "../../../async/deferred.ts";
import { settledWithin } from "../../../async/settled-within.ts";
import { finishWritesMs, spareSlipsMax } from "../../../limits.ts";
import { messageOf } from "../../../protocol/errors.ts";
import type { Grants } from "../../../sandbox/policy/access.ts";
import type { WriteEntry } from "./entry.ts";
import { JournalFolder, lockMark } from "./folder.ts";
import { dropGrants, grantedBy, lentName, newLentSlip } from "./lent.ts";
import { machineSecret } from "./machine-secret.ts";
import { ownFolderName } from "./owner.ts";
import { journalsPath } from "./place.ts";
import { goneNowMs, redo } from "./redo.ts";
import { sealName } from "./seal.ts";
import { JournalSlip } from "./slip.ts";

/** Records writes while they are under way, so that others can finish them. */
export interface WriteJournal {
  /** Records the write, then does `work`; until that has settled a finisher can redo the write. */
  during<T>(entry: WriteEntry, content: Uint8Array, work: () => Promise<T>): Promise<T>;
}

export interface JournalOptions {
  /** One of `journalPlaces`. */
  readonly place: string;
  /** Called before the first record in a folder: after our death a keeper must look at it. */
  readonly begun: () => void;
  /** Whether a sandboxed process that runs now could write there. */
  readonly isExposed: (path: string) => boolean;
  /** Called once with the reason why writes cannot be recorded; they are made all the same. */
  readonly warn: (text: string) => void;
}

/** A slip for another process, which may write only what its grants allow. */
interface LentSlip {
  readonly fd: number;
  /** False when the file was unlinked: no finisher would find its record. */
  readonly isThere: boolean;
  /** Redoes what the process left unfinished, when it is gone. Takes `finishWritesMs` at most. */
  finish(): Promise<void>;
}

interface OpenSlip {
  readonly path: string;
  readonly slip: JournalSlip;
}

/** The journal of one server: a folder that is made with the first record. */
export class ServerJournal implements WriteJournal {
  /** Seals the folder. It is passed to the finisher, which trusts our records by it. */
  readonly secret = randomBytes(32);
  readonly #folder: JournalFolder;
  readonly #options: JournalOptions;
  readonly #spare: OpenSlip[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  #making: Promise<void> | undefined;
  #hasBegun = false;
  #slips = 0;
  #hasWarned = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#folder = new JournalFolder({
      path: join(journalsPath(options.place), ownFolderName()),
      secrets: async () => {
        const lasting = await machineSecret();
        return lasting ? [this.secret, lasting] : [this.secret];
      },
      isExposed: options.isExposed,
    });
  }

  get folder(): string {
    return this.#folder.path;
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
   * Lends a slip to a process that writes for us, within `grants`, and that records and clears by
   * itself. Undefined when it cannot be made.
   */
  async lend(grants: Grants): Promise<LentSlip | undefined> {
    try {
      await this.#ready();
      const open = this.#newLent(grants);
      const back = deferred<void>();
      this.#track(back.promise);
      return {
        fd: open.slip.fd,
        get isThere() {
          return open.slip.isThere;
        },
        finish: () => this.#finish(open, grants).finally(back.resolve),
      };
    } catch (error) {
      this.#warn(error);
      return undefined;
    }
  }

  /** Waits for the writes and loans under way, then removes the folder. */
  async close(): Promise<void> {
    await Promise.all(this.#underWay);
    for (const open of this.#spare.splice(0)) this.#drop(open);
    if (!this.#hasBegun) return;
    for (const name of [lockMark, sealName]) tolerated(() => unlinkSync(join(this.folder, name)));
    tolerated(() => rmdirSync(this.folder));
    this.#folder.unlock();
  }

  #track(work: Promise<unknown>): void {
    this.#underWay.add(work);
    const forget = () => this.#underWay.delete(work);
    work.then(forget, forget);
  }

  /** Undefined when it cannot be recorded: a full disk there must not prevent other writes. */
  async #record(entry: WriteEntry, content: Uint8Array): Promise<OpenSlip | undefined> {
    let open: OpenSlip | undefined;
    try {
      open = await this.#take();
      await open.slip.record(entry, content);
      return open;
    } catch (error) {
      if (open) this.#drop(open);
      this.#warn(error);
      return undefined;
    }
  }

  async #take(): Promise<OpenSlip> {
    const spare = this.#takeSpare();
    if (spare) return spare;
    await this.#ready();
    return this.#open(`${this.#slips++}`);
  }

  /** Makes the folder if it is missing, as after a clean-up of temporary files. */
  async #ready(): Promise<void> {
    if (this.#folder.isThere) return;
    // A failure is not remembered: its cause may be gone at the next write.
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    await this.#making;
  }

  async #finish(open: OpenSlip, grants: Grants): Promise<void> {
    const end = new AbortController();
    const options = { goneMs: goneNowMs(), mayWrite: grantedBy(grants), signal: end.signal };
    // An unlinked slip cannot be redone, which is no reason to warn about later ones.
    const isThere = open.slip.isThere && this.#folder.isThere;
    const work = isThere ? redo(open.path, options) : Promise.resolve();
    await settledWithin(
      work.catch((error) => this.#warn(error)),
      finishWritesMs,
    );
    end.abort();
    this.#drop(open);
    try {
      dropGrants(open.path);
    } catch (error) {
      this.#warn(error);
    }
  }

  async #make(): Promise<void> {
    this.#hasBegun = true;
    await this.#folder.make();
    this.#options.begun();
  }

  #takeSpare(): OpenSlip | undefined {
    for (let open = this.#spare.pop(); open; open = this.#spare.pop()) {
      if (open.slip.isThere) return open;
      open.slip.close();
    }
    return undefined;
  }

  /** Never a spare slip: those hold content of other writes. */
  #newLent(grants: Grants): OpenSlip {
    const path = join(this.folder, lentName(this.#slips++));
    return { path, slip: newLentSlip(path, grants) };
  }

  #open(name: string): OpenSlip {
    const path = join(this.folder, name);
    return { path, slip: new JournalSlip(path) };
  }

  #release(open: OpenSlip): void {
    try {
      open.slip.clear();
      if (this.#spare.length < spareSlipsMax) this.#spare.push(open);
      else this.#drop(open);
    } catch (error) {
      // A record that is not cleared would be redone, so its file is removed.
      this.#drop(open);
      this.#warn(error);
    }
  }

  #drop({ path, slip }: OpenSlip): void {
    try {
      tolerated(() => unlinkSync(path));
    } catch (error) {
      // The result of the write does not depend on this.
      slip.empty();
      this.#warn(error);
    } finally {
      slip.close();
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.warn(
      `files are written without a journal, a crash can tear them: ${messageOf(error)}`,
    );
  }
}

/** The caller of `during` learns how the write went. */
const ignore = () => undefined;

/** Ignores that an entry is gone, or that others have put files into the folder. */
function tolerated(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}
