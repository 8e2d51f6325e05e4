import { constants, type Dirent, type Stats } from "node:fs";
import {
  burstTriedEvery,
  fileCallsInParallel,
  longDirectoryPathBytes,
} from "../../../../limits.ts";
import { internalError, invalidRequest } from "../../../../protocol/errors.ts";
import type { Params, Result } from "../../../../protocol/methods.ts";
import {
  type HostPath,
  hostPath,
  isWithin,
  joinPath,
  shownPath,
  splitPath,
} from "../../../../protocol/path-uri.ts";
import { isDescriptorShortage } from "../../../../protocol/shortages.ts";
import { CallKind } from "../../../../system/direct-calls.ts";
import type { FileThreads, HandOver } from "../../threads/file-threads.ts";
import { chmodPath, hasCode, lstat, readEntries, realPath, stat } from "../calls/file-calls.ts";
import { inParallel } from "../calls/in-parallel.ts";
import { inDirectory, throughDescriptor } from "../calls/no-follow.ts";
import { Branches } from "./branches.ts";
import { type CopyManner, copyFile, identity, modeBits } from "./copy-file.ts";
import { copyLink } from "./copy-link.ts";
import { copySmallFile } from "./copy-small-file.ts";
import { isDirectory, makeDirectories } from "./create-directory.ts";
import { DescriptorUse } from "./descriptor-use.ts";
import { inBursts } from "./in-bursts.ts";

/** Called with the real path of an entry before it is read or written; throws to refuse. */
export interface CopyGuard {
  read(real: HostPath): void;
  write(real: HostPath): void;
}

/** The destination was chosen for `source` as it was then; another kind is refused. */
interface GuardedCopy {
  readonly guard: CopyGuard;
  readonly source: Stats;
}

/** Means of a copy: a guard, or file threads, which cannot call a guard. */
export type CopyMeans =
  | (Partial<Record<keyof GuardedCopy, undefined>> & { readonly threads?: FileThreads | undefined })
  | (GuardedCopy & { readonly threads?: undefined });

/**
 * Links are copied as links; a directory is merged into one that is there already. With a guard, no
 * file is written through a link in the destination: it may lead anywhere.
 */
export async function copyUnder(
  { sourcePath, destinationPath, recursive }: Params<"fs/copy">,
  means: CopyMeans,
): Promise<Result<"fs/copy">> {
  const source = hostPath(sourcePath);
  const destination = hostPath(destinationPath);
  const stats = means.source ?? (await lstat(source));
  if (stats.isFile()) await copyFile(source, destination);
  else if (stats.isSymbolicLink()) await copyLink(source, destination);
  else if (!stats.isDirectory()) throw specialFile();
  else if (!recursive) throw notRecursive();
  else await copyTree(source, destination, means);
  return {};
}

async function copyTree(source: HostPath, destination: HostPath, means: CopyMeans): Promise<void> {
  if (isWithin(await futureRealPath(destination), await realPath(source))) throw intoItself();
  try {
    await new TreeCopy(means).copyDirectory(source, destination);
  } catch (error) {
    // ENOENT would say that the source itself is missing.
    if (hasCode(error, "ENOENT")) throw changedMeanwhile(source, error);
    throw error;
  }
}

/** The real path `path` will have once it exists: links above it that exist are resolved. */
async function futureRealPath(path: HostPath): Promise<HostPath> {
  try {
    return await realPath(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  const { parent, name } = splitPath(path);
  return joinPath(await futureRealPath(parent), name);
}

/** Where a copy in one go is slow, its steps are made one by one, some on threads. */
const smallCopies = new CallKind(burstTriedEvery);

class TreeCopy {
  /** Directories copied into: by a link in the destination one may turn up as a source. */
  readonly #destinations = new Set<string>();
  readonly #guard: CopyGuard | undefined;
  readonly #branches = new Branches();
  readonly #handOver: HandOver | undefined;
  readonly #descriptors: DescriptorUse;

  constructor({ guard, threads }: CopyMeans) {
    this.#guard = guard;
    this.#descriptors = new DescriptorUse(threads);
    this.#handOver = threads?.forTree();
  }

  /** With a guard, `known` are the real paths, in case that the system does not tell them. */
  async copyDirectory(source: HostPath, destination: HostPath, known?: Ends): Promise<void> {
    const stats = await lstat(source);
    if (this.#destinations.has(identity(stats))) throw intoItself();
    // Writable for us until it is filled, whatever mode it gets then.
    const isNew = await makeDirectories(destination, (stats.mode & 0o777) | 0o700);
    const made = await stat(destination);
    this.#destinations.add(identity(made));
    const ends = { source, destination };
    if (this.#guard) await this.#copyGuarded(ends, this.#guard, known);
    else await this.#copyUnguarded(ends);
    if (isNew) await giveMode(destination, made, stats.mode & modeBits);
  }

  /**
   * With a guard, holds both directories open, so that the real paths it is asked about stay true.
   */
  async #copyGuarded({ source, destination }: Ends, guard: CopyGuard, known?: Ends) {
    const flags = constants.O_NOFOLLOW;
    await inDirectory({ path: source, noFollow: flags, known: known?.source }, (from) =>
      inDirectory({ path: destination, noFollow: 0, known: known?.destination }, (to) => {
        const asking = (name: string, isThere: boolean) => {
          guard.read(joinPath(from.real, name));
          if (!isThere) guard.write(joinPath(to.real, name));
        };
        const real = { source: from.real, destination: to.real };
        const ends = { source: from.at, destination: to.at };
        return this.#copyChildren({ ...ends, ask: asking, flags, real });
      }),
    );
  }

  /** Holds directories open only where the paths of their entries might be too long. */
  #copyUnguarded({ source, destination }: Ends): Promise<void> {
    const copyChildren = (source: HostPath, destination: HostPath) =>
      this.#copyChildren({ source, destination, ask, flags: 0 });
    const bytes = Math.max(source.length, destination.length);
    if (bytes < longDirectoryPathBytes) return copyChildren(source, destination);
    return throughDescriptor(source, constants.O_NOFOLLOW, (from) =>
      throughDescriptor(destination, 0, (to) => copyChildren(from, to)),
    );
  }

  /** Special files have no content to copy, and are left out as in the reference. */
  async #copyChildren(way: Way): Promise<void> {
    const entries = await this.#descriptors.run(() => readEntries(way.source));
    const files = entries.filter((entry) => entry.isFile());
    const links = entries.filter((entry) => entry.isSymbolicLink());
    const directories = entries.filter((entry) => entry.isDirectory());
    await this.#copyFiles(files, way);
    await inParallel(links, fileCallsInParallel, (link) => copyLink(...places(link, way)));
    await this.#branches.forEach(directories, (directory) => this.#copyBelow(directory, way));
  }

  async #copyFiles(files: readonly Dirent[], way: Way): Promise<void> {
    const { source: directory, destination, flags } = way;
    const makeInTurn = turns();
    await inBursts(files, {
      kind: smallCopies,
      now: (file) => copyNow(...places(file, way), flags),
      later: (file) =>
        this.#descriptors.run(() => copyFile(...places(file, way), { flags, makeInTurn })),
      onThread: (some) => {
        const names = some.map(({ name }) => name);
        return this.#handOver?.({ task: "copySmallFiles", directory, destination, names });
      },
    });
  }

  async #copyBelow({ name }: Dirent, { source, destination, ask, real }: Way): Promise<void> {
    const to = joinPath(destination, name);
    // A directory that exists is not written itself.
    if (this.#guard) ask(name, await isDirectory(to, stat));
    await this.copyDirectory(joinPath(source, name), to, real && endsBelow(real, name));
  }
}

/** Two directories, or the paths of two entries. */
interface Ends {
  readonly source: HostPath;
  readonly destination: HostPath;
}

/** The directories between which children are copied, and how. */
interface Way extends Ends {
  /** Their real paths; only with a guard. */
  readonly real?: Ends;
  ask(name: string, isThere: boolean): void;
  /** Further flags for opening destinations. */
  readonly flags: number;
}

/** Source and destination of one child; throws when the guard refuses it. */
function places({ name }: Dirent, { source, destination, ask }: Way) {
  ask(name, false);
  return [joinPath(source, name), joinPath(destination, name)] as const;
}

const endsBelow = ({ source, destination }: Ends, name: string): Ends => ({
  source: joinPath(source, name),
  destination: joinPath(destination, name),
});

/** False when no descriptor is free, so that `later`, which waits for one, does the copy. */
function copyNow(source: HostPath, destination: HostPath, flags: number): boolean {
  try {
    return copySmallFile(source, destination, flags);
  } catch (error) {
    if (isDescriptorShortage(error)) return false;
    throw error;
  }
}

/**
 * Creates files one by one: the system creates only one at a time in a directory, and threads that
 * wait for it keep the processors busy. Creating eight at once took half as long again.
 */
function turns(): NonNullable<CopyManner["makeInTurn"]> {
  let last: Promise<unknown> = Promise.resolve();
  return (make) => {
    const made = last.then(make, make);
    last = made;
    return made;
  };
}

/** Without a guard nothing is refused. */
function ask(): void {}

/** Unlike the reference, keeps the source's mode: 0700 does not become readable by a copy. */
async function giveMode(path: HostPath, made: Stats, mode: number): Promise<void> {
  if ((made.mode & modeBits) !== mode) await chmodPath(path, mode);
}

const specialFile = () =>
  invalidRequest("fs/copy only supports regular files, directories, and symlinks");

const notRecursive = () =>
  invalidRequest("fs/copy requires recursive: true when sourcePath is a directory");

export const intoItself = () =>
  invalidRequest("fs/copy cannot copy a directory to itself or one of its descendants");

const changedMeanwhile = (source: HostPath, cause: unknown) =>
  internalError(`\`${shownPath(source)}\` or its copy changed while it was copied`, cause);
