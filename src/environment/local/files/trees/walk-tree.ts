import { constants, type Dirent } from "node:fs";
import {
  fileCallsInParallel,
  walkDepthMax,
  walkDirectoriesMax,
  walkEntriesMax,
} from "../../../../limits.ts";
import { invalidRequest, toRpcError } from "../../../../protocol/errors.ts";
import type { MaybePromise, Params, Result } from "../../../../protocol/methods.ts";
import { type HostPath, hostPath, joinPath } from "../../../../protocol/path-uri.ts";
import type { WrittenResult } from "../../../../protocol/written-result.ts";
import { hasCode, lstat, readEntries, realPath, stat } from "../calls/file-calls.ts";
import { inDirectory, linkInPath, refuseLinks } from "../calls/no-follow.ts";
import { identity } from "./copy-file.ts";
import { type Children, type Kind, WalkAnswer } from "./walk-answer.ts";

type Options = Params<"fs/walk">["options"];
type Answer = Result<"fs/walk">;

interface Directory {
  readonly path: HostPath;
  readonly depth: number;
}

/** The entries of one directory, or why it could not be read. */
type Found = Children | { readonly message: string };

interface Confined {
  /** Whether a link may be followed to the directory with this real path. */
  isVisible(real: HostPath): boolean;
  /** The path of the root in the answer, if the root is read at another path. */
  readonly rootName?: HostPath;
}

/** Lists a tree breadth first, each directory sorted by name; the root itself is not listed. */
export async function walkUnder(
  params: Params<"fs/walk">,
  confined?: Confined,
): Promise<WrittenResult<Answer>> {
  refuseUnboundedWalk(params.options);
  await refuseLinks(params);
  const root = hostPath(params.path);
  const walk = new Walk(params, confined);
  if (await isTree(root, params.options)) await walk.from(root);
  return walk.answer.written();
}

/**
 * Whether the root is to be walked. Rejects for a dangling link also where links are not followed,
 * as the reference does.
 */
async function isTree(root: HostPath, { followDirectorySymlinks }: Options): Promise<boolean> {
  const own = await lstat(root);
  if (!own.isSymbolicLink()) return own.isDirectory();
  const target = await stat(root);
  return followDirectorySymlinks && target.isDirectory();
}

function refuseUnboundedWalk({ maxDepth, maxDirectories, maxEntries }: Options): void {
  if (maxDirectories === 0 || maxEntries === 0) {
    throw invalidRequest("filesystem walk limits must be greater than zero");
  }
  const bounded =
    maxDepth <= walkDepthMax &&
    maxDirectories <= walkDirectoriesMax &&
    maxEntries <= walkEntriesMax;
  if (bounded) return;
  throw invalidRequest(
    `filesystem walk limits exceed maximums: depth=${walkDepthMax}, ` +
      `directories=${walkDirectoriesMax}, entries=${walkEntriesMax}`,
  );
}

class Walk {
  readonly answer: WalkAnswer;
  readonly #options: Options;
  readonly #refusesLinks: boolean;
  readonly #isVisible: Confined["isVisible"] | undefined;
  /** Directories entered, so that links cannot form a circle. Only kept when links are followed. */
  readonly #entered = new Set<string>();

  constructor({ path, options, followSymlinks }: Params<"fs/walk">, confined?: Confined) {
    this.answer = new WalkAnswer(
      options.maxEntries,
      namesBelow(hostPath(path), confined?.rootName),
    );
    this.#options = options;
    this.#refusesLinks = followSymlinks === false && !options.followDirectorySymlinks;
    this.#isVisible = confined?.isVisible;
  }

  /**
   * Reads several directories at once, to keep the disk busy, and takes them in order. Only those
   * that are read count: links to a directory met before must not keep others out of the answer.
   */
  async from(root: HostPath): Promise<void> {
    const queue: Directory[] = [{ path: root, depth: 0 }];
    let directoriesLeft = this.#options.maxDirectories;
    for (let next = 0; next < queue.length && !this.answer.isTruncated; ) {
      const batch = queue.slice(next, next + fileCallsInParallel);
      next += batch.length;
      const fresh = await this.#notYetEntered(batch);
      const within = fresh.slice(0, directoriesLeft);
      directoriesLeft -= within.length;
      const found = await Promise.all(within.map((directory) => this.#read(directory)));
      for (const [directory, children] of found) {
        if (!this.answer.isTruncated) queue.push(...this.#take(directory, children));
      }
      if (within.length < fresh.length) this.answer.truncate();
    }
  }

  /**
   * Leaves out directories met before. Without following links there are none, and the check would
   * cost a call each.
   */
  async #notYetEntered(batch: readonly Directory[]): Promise<readonly Directory[]> {
    if (!this.#options.followDirectorySymlinks) return batch;
    const looks = await Promise.allSettled(batch.map(({ path }) => stat(path)));
    return batch.filter((_, at) => {
      const look = looks[at];
      // Reading it will report why.
      if (look?.status !== "fulfilled") return true;
      const { size } = this.#entered;
      return this.#entered.add(identity(look.value)).size > size;
    });
  }

  async #read(directory: Directory): Promise<[Directory, Found]> {
    try {
      return [directory, await this.#children(directory)];
    } catch (error) {
      return [directory, { message: toRpcError(error).message }];
    }
  }

  async #children(directory: Directory): Promise<Children> {
    const entries = await this.#entriesOf(directory.path);
    const names = entries.map((entry) => entry.name);
    const kinds = entries.map(ownKind);
    if (isComplete(kinds)) return { names, kinds };
    if (this.#options.followDirectorySymlinks) await this.#followLinks(directory, entries, kinds);
    return {
      names: names.filter((_, at) => kinds[at] !== undefined),
      kinds: kinds.filter((kind) => kind !== undefined),
    };
  }

  /** Where links are refused, checks that no directory has been replaced by a link meanwhile. */
  #entriesOf(path: HostPath): MaybePromise<Dirent[]> {
    if (!this.#refusesLinks) return readEntries(path);
    return inDirectory({ path, noFollow: constants.O_NOFOLLOW }, async ({ at, real }) => {
      if (real !== path) throw linkInPath();
      return readEntries(at);
    });
  }

  async #followLinks(directory: Directory, entries: Dirent[], kinds: (Kind | undefined)[]) {
    for (const [at, entry] of entries.entries()) {
      if (!entry.isSymbolicLink()) continue;
      const target = joinPath(directory.path, entry.name);
      kinds[at] = await this.#kindOfTarget(target).catch(unlessUnreachable);
    }
  }

  /** Links to files are left out, as in the reference. */
  async #kindOfTarget(path: HostPath): Promise<"directory" | undefined> {
    if (!(await stat(path)).isDirectory()) return undefined;
    const isVisible = !this.#isVisible || this.#isVisible(await realPath(path));
    return isVisible ? "directory" : undefined;
  }

  /** Adds a directory's entries to the answer; returns the directories to read next. */
  #take({ path, depth }: Directory, found: Found): Directory[] {
    if ("message" in found) {
      this.answer.addError(path, found.message);
      return [];
    }
    const kinds = found.kinds.slice(0, this.answer.add(path, found));
    // Most directories have no subdirectories, which is found without a loop.
    if (!kinds.includes("directory")) return [];
    return found.names
      .filter((name, at) => kinds[at] === "directory" && this.#goesInto(name, depth + 1))
      .map((name) => ({ path: joinPath(path, name), depth: depth + 1 }));
  }

  #goesInto(name: string, depth: number): boolean {
    const hidden = name.startsWith(".");
    return depth <= this.#options.maxDepth && !(hidden && this.#options.pruneHiddenDirectories);
  }
}

function namesBelow(root: HostPath, rootName = root): (path: HostPath) => HostPath {
  if (rootName === root) return (path) => path;
  const { length } = joinPath(root, "");
  return (path) => (path === root ? rootName : joinPath(rootName, path.slice(length)));
}

function ownKind(entry: Dirent): Kind | undefined {
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : undefined;
}

const isComplete = (kinds: (Kind | undefined)[]): kinds is Kind[] => !kinds.includes(undefined);

function unlessUnreachable(error: unknown): undefined {
  // A link to nothing is not a directory.
  if (!hasCode(error, "ENOENT", "ELOOP", "ENOTDIR", "EACCES")) throw error;
}
