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
import { constants, lstatSync } from "node:fs";
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
import { type HostPath, hostPathOf } from "../protocol/path-uri.ts";

export interface StateDirectory {
  readonly path: HostPath;
  readonly masks: { readonly file: HostPath; readonly directory: HostPath };
  /** Symbolic links, each to a mount point that has been made in a workspace. */
  readonly marks: HostPath;
}

/**
 * Makes or takes over `codex-exec-server-<uid>` in the folder for temporary files. Throws when
 * somebody else has put something there.
 */
export async function openStateDirectory(temporaryDirectory: string): Promise<StateDirectory> {
  // Without links: what keeps sandboxes from writing it are mounts, which have real paths.
  const parent = await realpath(temporaryDirectory);
  const path = hostPathOf(stateDirectoryPath(parent));
  const inside = (name: string) => `${path}/${name}` as HostPath;
  await ownDirectory(path);
  await ownDirectory(inside("marks"));
  await ownDirectory(inside("hidden-directory"));
  await chmod(inside("hidden-directory"), 0);
  const file = await open(inside("hidden-file"), constants.O_CREAT | constants.O_RDONLY, 0).catch(
    unreadableByDesign,
  );
  await file?.close();
  const masks = { file: inside("hidden-file"), directory: inside("hidden-directory") };
  return { path, masks, marks: inside("marks") };
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
  const present = await readFile(path).catch(() => undefined);
  await removeUnused(state.path, name);
  if (present && Buffer.compare(present, content) === 0 && isRecent(path))
    return { path, identity };
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, content, { mode: 0o400, flag: "wx", flush: false });
  await rename(draft, path);
  return { path, identity: keptIdentity(path) };
}

/** Other files of this kind, and what servers that were killed left half written. */
async function removeUnused(directory: HostPath, name: string): Promise<void> {
  const isOther = (other: string) => keptName.test(other) && other !== name;
  for (const other of (await readdir(directory)).filter(isOther)) {
    const path = `${directory}/${other}` as HostPath;
    if (ageMs(path) > keptFileUnusedMs) await rm(path, { force: true });
  }
}

const keptName = /^fs-helper-[0-9a-f]+\.[cm]js/;

/** One that gets old is written anew by whoever still uses it. */
function isRecent(path: HostPath): boolean {
  return ageMs(path) < keptFileUnusedMs / 2;
}

function ageMs(path: HostPath): number {
  return Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now());
}

/** With the time of change, which nobody can set. Empty when there is no such file. */
export function keptIdentity(path: HostPath): string {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? `${stats.dev}:${stats.ino}:${stats.ctimeNs}` : "";
}

/** A mask has mode 000, which its owner cannot open either unless he is root. */
function unreadableByDesign(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EACCES") throw error;
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
export async function ownDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(unlessThere);
  const stats = await lstat(path);
  if (stats.isDirectory() && stats.uid === (process.getuid?.() ?? 0)) return;
  throw internalError(
    `${path} is not this user's directory: remove it, this server needs its place`,
  );
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
