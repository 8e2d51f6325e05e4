import { constants, type Dirent, type Stats } from "node:fs";
import { burstTriedEvery, fileCallsInParallel } from "../../../limits.ts";
import { internalError, invalidRequest } from "../../../protocol/errors.ts";
import type { Params, Result } from "../../../protocol/methods.ts";
import {
  type HostPath,
  hostPath,
  joinPath,
  shownPath,
  splitPath,
} from "../../../protocol/path-uri.ts";
import { isDescriptorShortage } from "../../../protocol/shortages.ts";
import { isWithin } from "../../../sandbox/access.ts";
import type { FileSystem } from "../../file-system.ts";
import { CallKind } from "../direct-calls.ts";
import type { FileThreads, HandOver } from "../file-threads.ts";
import { Branches } from "./branches.ts";
import { type CopyManner, copyFile, identity, modeBits } from "./copy-file.ts";
import { copySmallFile } from "./copy-small-file.ts";
import { isDirectory, makeDirectories } from "./create-directory.ts";
import { DescriptorUse } from "./descriptor-use.ts";
import {
  chmodPath,
  hasCode,
  lstat,
  makeLink,
  readEntries,
  readLink,
  realPath,
  stat,
} from "./file-calls.ts";
import { inBursts } from "./in-bursts.ts";
import { inParallel } from "./in-parallel.ts";
import { inDirectory } from "./no-follow.ts";

/** Asked, in real paths, for what is in a tree before it is touched; refuses by throwing. */
export interface CopyGuard {
  read(real: HostPath): void;
  write(real: HostPath): void;
}

/** The destination was chosen for what the source was then; another kind of source is refused. */
interface GuardedCopy {
  readonly guard: CopyGuard;
  readonly source: Stats;
}

/** What a copy is made with: a guard, or file threads, which cannot ask a guard. */
export type CopyMeans =
  | (Partial<Record<keyof GuardedCopy, undefined>> & { readonly threads?: FileThreads | undefined })
  | (GuardedCopy & { readonly threads?: undefined });

/** Links are copied as links; a directory is merged into one that is there already. */
export const treeCopier =
  (threads?: FileThreads): FileSystem["copy"] =>
  (params) =>
    copyUnder(params, { threads });

/**
 * With a guard no file is written through a link inside the destination, which could lead anywhere.
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

async function copyLink(source: HostPath, destination: HostPath): Promise<void> {
  try {
    await makeLink(await readLink(source), destination);
  } catch (error) {
    if (hasCode(error, "EEXIST") && (await isSame(source, destination))) return;
    throw error;
  }
}

async function isSame(source: HostPath, destination: HostPath): Promise<boolean> {
  const [from, to] = await Promise.all([lstat(source), lstat(destination)]);
  return identity(from) === identity(to);
}

async function copyTree(source: HostPath, destination: HostPath, means: CopyMeans): Promise<void> {
  if (isWithin(await futureRealPath(destination), await realPath(source))) throw intoItself();
  try {
    await new TreeCopy(means).copyDirectory(source, destination);
  } catch (error) {
    // "Not found" would say that the source itself is missing.
    if (hasCode(error, "ENOENT")) throw changedMeanwhile(source, error);
    throw error;
  }
}

/** Where `path` will be once it exists: links above it are resolved as far as there are any. */
async function futureRealPath(path: HostPath): Promise<HostPath> {
  try {
    return await realPath(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  const { parent, name } = splitPath(path);
  return joinPath(await futureRealPath(parent), name);
}

/** Where small copies take long, it is better to make their steps one by one, some on threads. */
const smallCopies = new CallKind(burstTriedEvery);

class TreeCopy {
  /** Directories copied into: through a link in the destination one may turn up as a source. */
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

  async copyDirectory(source: HostPath, destination: HostPath): Promise<void> {
    const stats = await lstat(source);
    if (this.#destinations.has(identity(stats))) throw intoItself();
    // Writable for us until it is filled, whatever its mode will be.
    const isNew = await makeDirectories(destination, (stats.mode & 0o777) | 0o700);
    const made = await stat(destination);
    this.#destinations.add(identity(made));
    await this.#copyEntries(source, destination);
    if (isNew) await giveMode(destination, made, stats.mode & modeBits);
  }

  /** A guard is asked for where things really are, so that has to stay so meanwhile. */
  async #copyEntries(source: HostPath, destination: HostPath): Promise<void> {
    if (!this.#guard) return this.#copyChildren({ source, destination, ask, flags: 0 });
    const guard = this.#guard;
    await inDirectory(source, constants.O_NOFOLLOW, (from) =>
      inDirectory(destination, 0, (to) => {
        const asking = (name: string, isThere: boolean) => {
          guard.read(joinPath(from.real, name));
          if (!isThere) guard.write(joinPath(to.real, name));
        };
        const flags = constants.O_NOFOLLOW;
        return this.#copyChildren({ source: from.at, destination: to.at, ask: asking, flags });
      }),
    );
  }

  /** Special files have no content that could be copied, and are left out as in the reference. */
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

  async #copyBelow({ name }: Dirent, { source, destination, ask }: Way): Promise<void> {
    const to = joinPath(destination, name);
    // One that is there is not written itself.
    if (this.#guard) ask(name, await isDirectory(to, stat));
    await this.copyDirectory(joinPath(source, name), to);
  }
}

/** From where to where the children of a directory are copied, and how. */
interface Way {
  readonly source: HostPath;
  readonly destination: HostPath;
  ask(name: string, isThere: boolean): void;
  /** With which destinations are opened. */
  readonly flags: number;
}

/** From where to where one of them is copied; fails when that is refused. */
function places({ name }: Dirent, { source, destination, ask }: Way) {
  ask(name, false);
  return [joinPath(source, name), joinPath(destination, name)] as const;
}

/** Leaves what finds no descriptor to whoever knows how to get some. */
function copyNow(source: HostPath, destination: HostPath, flags: number): boolean {
  try {
    return copySmallFile(source, destination, flags);
  } catch (error) {
    if (isDescriptorShortage(error)) return false;
    throw error;
  }
}

/**
 * One after the other: the system makes only one file at a time in a directory, and threads that
 * wait for that keep the processors busy. To make eight at once took half as long again as this.
 */
function turns(): NonNullable<CopyManner["makeInTurn"]> {
  let last: Promise<unknown> = Promise.resolve();
  return (make) => {
    const mine = last.then(make, make);
    last = mine;
    return mine;
  };
}

/** Without a guard nobody minds. */
function ask(): void {}

/** The reference makes directories anew; here 0700 does not become readable by being copied. */
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
