/**
 * Empty directories in workspaces, in place of what is protected or denied and does not exist. A
 * mount needs something to lie on, and nothing else keeps a name from coming into being. They are
 * there only while a process runs that needs them, and each is marked by a link in the state
 * directory before it is made, so that whoever comes after a crash knows what to remove.
 */
import type { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { pathBytesMax } from "../limits.ts";
import { internalError, messageOf, type RpcError, toRpcError } from "../protocol/errors.ts";
import { type HostPath, nodePath, shownPath, splitPath } from "../protocol/path-uri.ts";
import { withDescriptors } from "../protocol/shortages.ts";
import { isBelow } from "./access.ts";
import { disk } from "./disk-call.ts";
import { makeDirectory, removeDirectory } from "./empty-directory.ts";
import { setUpFailure } from "./health-reasons.ts";
import { MountSweeper } from "./mount-sweeper.ts";
import { PlaceTurns } from "./place-turns.ts";
import { existingPath } from "./real-path.ts";
import { isAlive, serverName } from "./server-name.ts";
import { noRoomFix } from "./state-keeper.ts";

/** A place that must not come into being, or is there and might be such a mount point. */
export interface WantedPoint {
  readonly path: HostPath;
  readonly isMissing: boolean;
}

/** What a process needs to be there. */
export interface MadePoints {
  readonly paths: ReadonlySet<HostPath>;
  /** Something else has come into being meanwhile, or gone. */
  readonly isOutdated: boolean;
  /** Takes back what nobody else needs. */
  release(): Promise<void>;
}

const nothingMade: MadePoints = { paths: new Set(), isOutdated: false, release: async () => {} };

/**
 * `impossible`: nobody with our rights can make it, so that nothing has to keep him from it.
 * `changed`: something else is there now, or what is above it is not.
 */
type Outcome = "ours" | "changed" | "impossible";

interface Found {
  readonly path: HostPath;
  readonly outcome: Outcome;
}

export class MountPoints {
  readonly #marks: () => Promise<HostPath>;
  /** How many processes need each, and the name of its mark. */
  readonly #needed = new Map<HostPath, { count: number; readonly mark: string | Buffer }>();
  readonly #name = `${serverName(process.pid)}.${randomUUID().slice(0, 8)}`;
  readonly #sweeper: MountSweeper;
  /** What one removes another may be about to need; about other places a dead disk says nothing. */
  readonly #turns = new PlaceTurns();
  #marked = 0;

  constructor(marks: () => Promise<HostPath>) {
    this.#marks = marks;
    this.#sweeper = new MountSweeper(this.#name);
  }

  has(path: HostPath): boolean {
    return this.#needed.has(path);
  }

  /** Makes those that are missing, and that somebody with our rights could make. */
  make(wanted: readonly WantedPoint[]): Promise<MadePoints> {
    if (wanted.length === 0) return Promise.resolve(nothingMade);
    const places = wanted.map(({ path }) => path);
    return this.#turns.take(places, async () => {
      const marks = await this.#marks();
      this.#sweeper.start(marks);
      // Whoever cleans up behind a server that has ended leaves what we have marked.
      const others = await this.#ofOthers(() => true);
      const found: Found[] = [];
      const made = () => found.filter(({ outcome }) => outcome === "ours").map(({ path }) => path);
      try {
        // Directories before what is in them.
        for (const level of levelsOf(wanted)) {
          await allDone(level, async (point) => {
            if (!(await this.#isToBeMade(point, others))) return;
            const { path } = point;
            const isHopeless = isInImpossible(path, found);
            const outcome = isHopeless ? "impossible" : await this.#need(path, marks, others);
            found.push({ path, outcome });
          });
        }
      } catch (error) {
        await this.#release(made());
        throw error;
      }
      const release = () => this.#turns.take(places, () => this.#release(made()));
      const isOutdated = found.some(({ outcome }) => outcome === "changed");
      return { paths: new Set(made()), isOutdated, release };
    });
  }

  /** Removes what servers left that are no more. */
  async sweep(): Promise<void> {
    const marks = await this.#marks();
    const others = await this.#ofOthers(isAlive);
    const isNeeded = (path: HostPath) => this.has(path) || others.has(path);
    for (const mark of (await disk.readdir(nodePath(marks))).sort()) {
      if (!isAlive(mark)) await removeMarked(`${marks}/${mark}` as HostPath, isNeeded);
    }
  }

  close(): void {
    this.#sweeper.close();
  }

  /** What another server had made when it was looked at may be gone by now. */
  async #isToBeMade({ path, isMissing }: WantedPoint, others: ReadonlySet<string>) {
    if (isMissing || this.has(path) || others.has(path)) return true;
    return (await existingPath(path)) === undefined;
  }

  async #need(path: HostPath, marks: HostPath, others: ReadonlySet<string>): Promise<Outcome> {
    const known = this.#needed.get(path);
    if (known) {
      known.count++;
      return "ours";
    }
    const mark = nodePath(`${marks}/${this.#name}-${rank(path)}-${this.#marked++}` as HostPath);
    await disk.symlink(nodePath(path), mark).catch(unmarked(marks));
    let outcome: Outcome | undefined;
    try {
      outcome = await makeEmpty(path, others);
      return outcome;
    } finally {
      if (outcome === "ours") this.#needed.set(path, { count: 1, mark });
      else await disk.unlink(mark);
    }
  }

  /** Nobody would try again while this server lives. */
  async #release(paths: readonly HostPath[]): Promise<void> {
    const others = await withDescriptors(() => this.#ofOthers(isAlive));
    const levels = levelsOf(paths.map((path) => ({ path })));
    for (const level of levels.reverse()) {
      await Promise.all(level.map(({ path }) => this.#unneed(path, others)));
    }
  }

  async #unneed(path: HostPath, others: ReadonlySet<string>): Promise<void> {
    const known = this.#needed.get(path);
    if (!known || --known.count > 0) return;
    this.#needed.delete(path);
    if (!others.has(path)) await removeEmpty(path);
    await disk.unlink(known.mark).catch(unlessKept);
  }

  /** Mount points of other servers of this user whose marks count. */
  async #ofOthers(counts: (mark: string) => boolean): Promise<Set<string>> {
    const marks = await this.#marks();
    const names = (await disk.readdir(nodePath(marks))).filter(
      (mark) => !mark.startsWith(`${this.#name}-`) && counts(mark),
    );
    const targetOf = (name: string) => disk.readlink(nodePath(`${marks}/${name}` as HostPath));
    const targets = names.map((name) => targetOf(name).catch(() => ""));
    return new Set(await Promise.all(targets));
  }
}

/** Also after a failure, which is thrown when the others have ended. */
async function allDone<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(items.map(work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** By name, marks of what is in a directory come before that of the directory. */
function rank(path: HostPath): string {
  return `${pathBytesMax - path.length}`.padStart(4, "0");
}

/** Those of one depth have nothing to do with each other. */
function levelsOf<T extends { readonly path: HostPath }>(points: readonly T[]): T[][] {
  const levels: T[][] = [];
  for (const point of points) {
    const depth = point.path.split("/").length;
    levels[depth] = [...(levels[depth] ?? []), point];
  }
  return levels.filter((level) => level !== undefined);
}

const isInImpossible = (path: HostPath, found: readonly Found[]) =>
  found.some((above) => above.outcome === "impossible" && isBelow(path, above.path));

async function makeEmpty(path: HostPath, others: ReadonlySet<string>): Promise<Outcome> {
  try {
    await makeDirectory(path);
    return "ours";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "EEXIST") return others.has(path) ? "ours" : "changed";
    if (code === "ENOENT" || code === "ENOTDIR") return "changed";
    if (code === "EPERM" || code === "EROFS") return "impossible";
    if (code === "EACCES" && !(await isOurs(splitPath(path).parent))) return "impossible";
    throw unprotected(path, error);
  }
}

/** Its owner can give himself the right that he lacks. */
async function isOurs(directory: HostPath): Promise<boolean> {
  return (await stat(nodePath(directory))).uid === process.geteuid?.();
}

function unprotected(path: HostPath, cause: unknown): RpcError {
  return internalError(
    `cannot keep ${shownPath(path)} from coming into being: no mount point can be made (${messageOf(cause)}); ` +
      "make the directory above it writable, or take it out of what may be written",
    cause,
  );
}

/** A folder for temporary files that is full says nothing of the path that somebody asked for. */
const unmarked = (marks: HostPath) => (cause: unknown) => {
  const reason = `${shownPath(marks)}: ${toRpcError(cause).message}`;
  throw setUpFailure({ reason, fix: noRoomFix }, cause);
};

async function removeMarked(mark: HostPath, isNeeded: (path: HostPath) => boolean): Promise<void> {
  const target = await disk.readlink(nodePath(mark)).catch(() => undefined);
  if (target === undefined) return;
  if (!isNeeded(target as HostPath)) await removeEmpty(target as HostPath);
  await disk.unlink(nodePath(mark)).catch(unlessKept);
}

/** What is no longer empty has become somebody's directory, and stays. */
async function removeEmpty(path: HostPath): Promise<void> {
  await removeDirectory(path).catch(unlessKept);
}

function unlessKept(error: NodeJS.ErrnoException): void {
  const expected = ["ENOENT", "ENOTEMPTY", "ENOTDIR", "EEXIST", "EACCES", "EPERM", "EROFS"];
  if (!expected.includes(error.code ?? "")) throw error;
}
