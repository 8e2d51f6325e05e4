/**
 * The one directory in which this server keeps what sandboxes need on the disk: masks for hidden
 * files, the fs-helper's program, and marks of what has to be removed from workspaces. Every
 * sandbox has it read-only or not at all.
 *
 * It lies in the folder for temporary files, although that may be emptied when the machine starts,
 * and the marks with it. After the end of a server, however sudden, its sweeper needs no marks that
 * outlive the machine; only a crash of the machine itself then leaves an empty directory. A home
 * would last, but several machines may share it: the marks name processes, and one machine would
 * take the mount points of another for left over.
 */
import { randomUUID } from "node:crypto";
import { constants, lstatSync, type Stats } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { keptFileUnusedMs } from "../limits.ts";
import { internalError } from "../protocol/errors.ts";
import { type HostPath, hostPathOf, nodePath, shownPath } from "../protocol/path-uri.ts";
import { isWithin } from "./access.ts";

export interface StateDirectory {
  readonly path: HostPath;
  readonly masks: { readonly file: HostPath; readonly directory: HostPath };
  /** Symbolic links, each to a mount point that has been made in a workspace. */
  readonly marks: HostPath;
}

/**
 * Where what sandboxes need would be in that folder for temporary files, without links: what keeps
 * sandboxes from writing it are mounts, which have real paths. Throws where it could not serve.
 */
export async function statePathIn(temporaryDirectory: string): Promise<HostPath> {
  const parent = hostPathOf(await realpath(temporaryDirectory, "buffer"));
  const shown = shownPath(parent);
  if (ownInside.some((place) => isWithin(parent, place))) {
    throw internalError(`${shown} is not to be seen in a sandbox, which has a /dev and /proc anew`);
  }
  // It becomes an argument of programs, which Node gives as UTF-8.
  if (hostPathOf(shown) !== parent) throw internalError(`${shown} is not UTF-8`);
  return hostPathOf(stateDirectoryPath(shown));
}

const ownInside = ["/dev", "/proc"] as HostPath[];

/**
 * Makes or takes over what is there. Throws when somebody else has put something there, or could
 * have.
 */
export async function openStateDirectory(path: HostPath): Promise<StateDirectory> {
  const inside = (name: string) => `${path}/${name}` as HostPath;
  await ownDirectory(nodePath(path));
  await ownDirectory(nodePath(inside("marks")));
  const masks = { file: inside("hidden-file"), directory: inside("hidden-directory") };
  await ownDirectory(nodePath(masks.directory));
  await chmod(nodePath(masks.directory), 0);
  if (!isFileMask(masks.file)) await makeFileMask(masks.file);
  return { path, masks, marks: inside("marks") };
}

/** Without any right, so that nobody inside can read it, whatever it holds; and no link. */
function isFileMask(path: HostPath): boolean {
  const stats = lstatSync(nodePath(path), { throwIfNoEntry: false });
  return Boolean(stats?.isFile() && isOwn(stats) && (stats.mode & 0o7777) === 0);
}

async function makeFileMask(path: HostPath): Promise<void> {
  await rm(nodePath(path), { force: true });
  const { O_CREAT, O_EXCL, O_RDONLY } = constants;
  // Another server may be making it now, for the same purpose.
  const file = await open(nodePath(path), O_CREAT | O_EXCL | O_RDONLY, 0).catch(unlessThere);
  await file?.close();
  if (!isFileMask(path)) throw notOurs(path);
}

export interface KeptFile {
  readonly path: HostPath;
  /** Is another one when anybody has written, replaced or renamed the file. */
  readonly identity: string;
}

/**
 * Puts a file there under its own name, whole or not at all; servers of one version share it. What
 * other versions have put there goes when nobody has used it for long; one that still runs after
 * that finds its file missing, and puts it there anew.
 */
export async function keepFile(
  state: StateDirectory,
  name: string,
  content: Uint8Array,
): Promise<KeptFile> {
  const path = `${state.path}/${name}` as HostPath;
  // Before the content is read, so that what is written after that makes another one.
  const identity = keptIdentity(path);
  const present = await readFile(nodePath(path)).catch(() => undefined);
  await removeUnused(state.path, name);
  if (present && Buffer.compare(present, content) === 0 && isKeptWell(path))
    return { path, identity };
  const draft = nodePath(`${path}.${randomUUID()}` as HostPath);
  try {
    await writeFile(draft, content, { mode: 0o400, flag: "wx", flush: false });
    await rename(draft, nodePath(path));
  } catch (error) {
    // A disk that is full must not be filled with drafts.
    await rm(draft, { force: true });
    throw error;
  }
  return { path, identity: keptIdentity(path) };
}

/** Other files of this kind, and what servers that were killed left half written. */
async function removeUnused(directory: HostPath, name: string): Promise<void> {
  const isOther = (other: string) => keptName.test(other) && other !== name;
  for (const other of (await readdir(nodePath(directory))).filter(isOther)) {
    const path = `${directory}/${other}` as HostPath;
    if (ageMs(path) > keptFileUnusedMs) await rm(nodePath(path), { force: true });
  }
}

const keptName = /^fs-helper-[0-9a-f]+\.[cm]js/;

/**
 * One that gets old is written anew by whoever still uses it; and so is one that could be written
 * by another name.
 */
function isKeptWell(path: HostPath): boolean {
  const stats = lstatSync(nodePath(path), { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.nlink !== 1 || !isOwn(stats)) return false;
  return Date.now() - stats.ctimeMs < keptFileUnusedMs / 2;
}

function ageMs(path: HostPath): number {
  const stats = lstatSync(nodePath(path), { throwIfNoEntry: false });
  return Date.now() - (stats?.ctimeMs ?? Date.now());
}

/** With the time of change, which nobody can set. Empty when there is no such file. */
export function keptIdentity(path: HostPath): string {
  const stats = lstatSync(nodePath(path), { bigint: true, throwIfNoEntry: false });
  return stats ? `${stats.dev}:${stats.ino}:${stats.ctimeNs}` : "";
}

/** With the time of birth, because inodes are used again. Empty when there is no such directory. */
export function birthOf(path: HostPath): string {
  const stats = lstatSync(nodePath(path), { bigint: true, throwIfNoEntry: false });
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : "";
}

/** Where the state of all servers of this user is. */
export function stateDirectoryPath(temporaryDirectory: string): string {
  return `${temporaryDirectory}/codex-exec-server-${process.getuid?.() ?? 0}`;
}

/**
 * Another directory like that, which is made if it is not there: where it really is. Undefined when
 * it cannot be, or is somebody else's, for then no server of this user trusts it either.
 */
export async function keptDirectory(path: string): Promise<HostPath | undefined> {
  try {
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) await ownDirectory(path);
    return hostPathOf(await realpath(path, "buffer"));
  } catch {
    return undefined;
  }
}

/** Makes a directory that only this user can enter. Throws when somebody else's is there. */
export async function ownDirectory(path: string | Buffer): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(unlessThere);
  const stats = await lstat(path);
  if (!stats.isDirectory() || !isOwn(stats)) throw notOurs(hostPathOf(path));
  if ((stats.mode & 0o022) === 0) return;
  throw internalError(
    `${path} can be written by other users: remove it, this server needs its place`,
  );
}

function isOwn({ uid }: Stats): boolean {
  return uid === (process.getuid?.() ?? 0);
}

function notOurs(path: HostPath) {
  return internalError(
    `${shownPath(path)} is not this user's directory or file: remove it, ` +
      "this server needs its place",
  );
}

function unlessThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EEXIST") throw error;
}
