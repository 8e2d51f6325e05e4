import type { Dirent } from "node:fs";
import {
  fileCallsInParallel,
  walkAnswerBytesMax,
  walkDepthMax,
  walkDirectoriesMax,
  walkEntriesMax,
} from "../../../limits.ts";
import { invalidRequest, toRpcError } from "../../../protocol/errors.ts";
import type { Given, Params, Result } from "../../../protocol/methods.ts";
import {
  type HostPath,
  hostPath,
  joinPath,
  pathUriOf,
  uriName,
  uriPrefix,
} from "../../../protocol/path-uri.ts";
import { JsonRuns, WrittenResult } from "../../../protocol/written-result.ts";
import type { FileAnswers } from "../../file-system.ts";
import { identity } from "./copy-file.ts";
import { hasCode, lstat, readEntries, realPath, stat } from "./file-calls.ts";
import { refuseLinks } from "./no-follow.ts";

type Options = Params<"fs/walk">["options"];
type Answer = Result<"fs/walk">;
type Kind = Answer["entries"][number]["kind"];

interface Directory {
  readonly path: HostPath;
  readonly depth: number;
}

interface Child {
  readonly name: string;
  readonly kind: Kind;
}

/** What of a directory is in the answer. */
interface Listed {
  readonly uriPrefix: string;
  readonly entries: { readonly uriName: string; readonly kind: Kind }[];
}

/** What was found in one directory, or why it could not be looked at. */
type Found = { readonly children: readonly Child[] } | { readonly message: string };

/** The members of an entry and its punctuation, besides the path. */
const entryBytes = '{"path":"","kind":"directory"},'.length;

const endings = { file: '","kind":"file"}', directory: '","kind":"directory"}' };

/** Lists a tree breadth first, each directory sorted by name; the root itself is not listed. */
export const walk: FileAnswers["walk"] = (params) => walkUnder(params);

/** Links are followed only to directories whose real path `isVisible`. */
export async function walkUnder(
  params: Params<"fs/walk">,
  isVisible?: (real: HostPath) => boolean,
): Promise<WrittenResult<Answer>> {
  refuseUnboundedWalk(params.options);
  await refuseLinks(params);
  const root = hostPath(params.path);
  const look = params.options.followDirectorySymlinks ? stat : lstat;
  const isTree = (await look(root)).isDirectory();
  const walk = new Walk(params.options, isVisible);
  if (isTree) await walk.from(root);
  return new WrittenResult({ plain: () => walk.plain(), text: () => walk.text() });
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
  readonly #options: Options;
  readonly #isVisible: ((real: HostPath) => boolean) | undefined;
  readonly #listed: Listed[] = [];
  readonly #errors: Answer["errors"] = [];
  #isTruncated = false;
  /** Directories entered, so that a link cannot lead round in circles. Only kept when following. */
  readonly #entered = new Set<string>();
  #answerBytes = 0;
  #answerEntries = 0;

  constructor(options: Options, isVisible: ((real: HostPath) => boolean) | undefined) {
    this.#options = options;
    this.#isVisible = isVisible;
  }

  plain(): Answer {
    const entries = this.#listed.flatMap((listed) =>
      listed.entries.map(({ uriName, kind }) => ({ path: listed.uriPrefix + uriName, kind })),
    );
    return { entries, errors: this.#errors, truncated: this.#isTruncated };
  }

  /** Nothing in a canonical URI needs to be escaped. */
  text(): string {
    const runs = new JsonRuns();
    for (const { uriPrefix, entries } of this.#listed) {
      const before = `{"path":"${uriPrefix}`;
      for (const { uriName, kind } of entries) runs.add(before, uriName, endings[kind]);
    }
    const rest = { errors: this.#errors, truncated: this.#isTruncated };
    return `{"entries":[${runs.json}],${JSON.stringify(rest).slice(1)}`;
  }

  /** Several directories are read at once and taken in order, so that the disk need not be waited
   * for one by one. */
  async from(root: HostPath): Promise<void> {
    const queue: Directory[] = [{ path: root, depth: 0 }];
    let directoriesLeft = this.#options.maxDirectories;
    for (let next = 0; next < queue.length; ) {
      const batch = queue.slice(next, next + Math.min(fileCallsInParallel, directoriesLeft));
      if (batch.length === 0) this.#isTruncated = true;
      next += batch.length;
      directoriesLeft -= batch.length;
      const fresh = await this.#notYetEntered(batch);
      const found = await Promise.all(fresh.map((directory) => this.#read(directory)));
      for (const [at, directory] of fresh.entries()) {
        if (!this.#isTruncated) queue.push(...this.#take(directory, found[at]));
      }
      if (this.#isTruncated) break;
    }
  }

  /** Not without links: then no directory can be met twice, and the look would cost a call. */
  async #notYetEntered(batch: readonly Directory[]): Promise<readonly Directory[]> {
    if (!this.#options.followDirectorySymlinks) return batch;
    const looks = await Promise.allSettled(batch.map(({ path }) => stat(path)));
    return batch.filter((_, at) => {
      const look = looks[at];
      // Why it cannot be looked at will be found out by reading it.
      if (look?.status !== "fulfilled") return true;
      const { size } = this.#entered;
      return this.#entered.add(identity(look.value)).size > size;
    });
  }

  async #read(directory: Directory): Promise<Found> {
    try {
      return { children: await this.#children(directory) };
    } catch (error) {
      return { message: toRpcError(error).message };
    }
  }

  async #children(directory: Directory): Promise<Child[]> {
    const children: Child[] = [];
    for (const entry of await readEntries(directory.path)) {
      const kind = this.#kind(entry, directory);
      const known = kind instanceof Promise ? await kind : kind;
      if (known) children.push({ name: entry.name, kind: known });
    }
    return children;
  }

  #kind(entry: Dirent, directory: Directory): Given<Kind | undefined> {
    if (entry.isFile()) return "file";
    if (entry.isDirectory()) return "directory";
    if (!entry.isSymbolicLink() || !this.#options.followDirectorySymlinks) return undefined;
    return this.#kindOfTarget(joinPath(directory.path, entry.name)).catch(unlessUnreachable);
  }

  /** Links to files are left out, as in the reference. */
  async #kindOfTarget(path: HostPath): Promise<"directory" | undefined> {
    if (!(await stat(path)).isDirectory()) return undefined;
    const isVisible = !this.#isVisible || this.#isVisible(await realPath(path));
    return isVisible ? "directory" : undefined;
  }

  /** Adds what was found to the answer; gives the directories to go on with. */
  #take(directory: Directory, found: Found | undefined): Directory[] {
    if (found && "message" in found) {
      this.#errors.push({ path: pathUriOf(directory.path), message: found.message });
      return [];
    }
    const { path, depth } = directory;
    const listed: Listed = { uriPrefix: uriPrefix(path), entries: [] };
    this.#listed.push(listed);
    const entered: Directory[] = [];
    for (const { name, kind } of found?.children ?? []) {
      if (!this.#add(listed, { uriName: uriName(path, name), kind })) break;
      if (kind === "directory" && this.#goesInto(name, depth + 1)) {
        entered.push({ path: joinPath(path, name), depth: depth + 1 });
      }
    }
    return entered;
  }

  #add({ uriPrefix, entries }: Listed, entry: Listed["entries"][number]): boolean {
    this.#answerBytes += uriPrefix.length + entry.uriName.length + entryBytes;
    const full =
      this.#answerEntries >= this.#options.maxEntries || this.#answerBytes > walkAnswerBytesMax;
    this.#isTruncated ||= full;
    if (full) return false;
    entries.push(entry);
    this.#answerEntries++;
    return true;
  }

  #goesInto(name: string, depth: number): boolean {
    const hidden = name.startsWith(".");
    return depth <= this.#options.maxDepth && !(hidden && this.#options.pruneHiddenDirectories);
  }
}

function unlessUnreachable(error: unknown): undefined {
  // A link that leads nowhere leads to no directory.
  if (!hasCode(error, "ENOENT", "ELOOP", "ENOTDIR", "EACCES")) throw error;
}
