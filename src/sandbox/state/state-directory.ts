/**
 * The state directory: the masks for hidden files, the fs-helper's program, and the marks of mount
 * points. Every sandbox has it read-only or not at all.
 *
 * It is in the directory for temporary files, although that and the marks may be lost on reboot.
 * After the end of a server its sweeper removes the mount points, so only a crash of the machine
 * itself leaves empty directories. A home directory would persist, but several machines may share
 * it: marks name processes, so one machine would take another's mount points for left over.
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
import { keptFileUnusedMs } from "../../limits.ts";
import { internalError } from "../../protocol/errors.ts";
import {
  type HostPath,
  hostPathOf,
  isWithin,
  nodePath,
  shownPath,
} from "../../protocol/path-uri.ts";

export interface StateDirectory {
  readonly path: HostPath;
  readonly masks: { readonly file: HostPath; readonly directory: HostPath };
  /** A directory of symbolic links, one to each mount point in a workspace. */
  readonly marks: HostPath;
}

/**
 * The real path that the state directory would have in `temporaryDirectory`; real, because mounts
 * keep sandboxes from writing it. Throws when it cannot serve there.
 */
export async function statePathIn(temporaryDirectory: string): Promise<HostPath> {
  const parent = hostPathOf(await realpath(temporaryDirectory, "buffer"));
  const shown = shownPath(parent);
  if (ownInside.some((place) => isWithin(parent, place))) {
    throw internalError(`${shown} is not to be seen in a sandbox, which has a /dev and /proc anew`);
  }
  // Node passes arguments of programs as UTF-8.
  if (hostPathOf(shown) !== parent) throw internalError(`${shown} is not UTF-8`);
  return hostPathOf(stateDirectoryPath(shown));
}

const ownInside = ["/dev", "/proc"] as HostPath[];

/**
 * Makes the state directory, or takes over an existing one. Throws when another user made it, or
 * could write there.
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

/** Whether the mask is a regular file without any permission, which a sandbox cannot read. */
function isFileMask(path: HostPath): boolean {
  const stats = lstatSync(nodePath(path), { throwIfNoEntry: false });
  return Boolean(stats?.isFile() && isOwn(stats) && (stats.mode & 0o7777) === 0);
}

async function makeFileMask(path: HostPath): Promise<void> {
  await rm(nodePath(path), { force: true });
  const { O_CREAT, O_EXCL, O_RDONLY } = constants;
  // Another server may be making it now.
  const file = await open(nodePath(path), O_CREAT | O_EXCL | O_RDONLY, 0).catch(unlessThere);
  await file?.close();
  if (!isFileMask(path)) throw foreignOwner(path);
}

export interface KeptFile {
  readonly path: HostPath;
  /** Changes when the file is written, replaced or renamed. */
  readonly identity: string;
}

/**
 * Writes a file atomically into the state directory, shared by all servers of one version. Removes
 * files of other versions that have not been used for long; a server that still runs and misses its
 * file writes it again.
 */
export async function keepFile(
  state: StateDirectory,
  name: string,
  content: Uint8Array,
): Promise<KeptFile> {
  const path = `${state.path}/${name}` as HostPath;
  // Taken before reading, so that a later write changes it.
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
    // Repeated attempts must not fill a full disk with drafts.
    await rm(draft, { force: true });
    throw error;
  }
  return { path, identity: keptIdentity(path) };
}

/** Removes unused files of other versions, and drafts that killed servers left. */
async function removeUnused(directory: HostPath, name: string): Promise<void> {
  const isOther = (other: string) => keptName.test(other) && other !== name;
  for (const other of (await readdir(nodePath(directory))).filter(isOther)) {
    const path = `${directory}/${other}` as HostPath;
    if (ageMs(path) > keptFileUnusedMs) await rm(nodePath(path), { force: true });
  }
}

const keptName = /^fs-helper-[0-9a-f]+\.[cm]js/;

/**
 * Whether the file need not be written again. A file that is in use is renewed before its age makes
 * others remove it, and one with another hard link could be written by that name.
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

/** Includes the ctime, which no program can set. Empty when the file does not exist. */
export function keptIdentity(path: HostPath): string {
  const stats = lstatSync(nodePath(path), { bigint: true, throwIfNoEntry: false });
  return stats ? `${stats.dev}:${stats.ino}:${stats.ctimeNs}` : "";
}

/**
 * Includes the time of birth, because inode numbers are reused. Empty when the directory does not
 * exist.
 */
export function birthOf(path: HostPath): string {
  const stats = lstatSync(nodePath(path), { bigint: true, throwIfNoEntry: false });
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : "";
}

/** The path of the state directory, which all servers of this user share. */
export function stateDirectoryPath(temporaryDirectory: string): string {
  return `${temporaryDirectory}/codex-exec-server-${process.getuid?.() ?? 0}`;
}

/**
 * The real path of a directory that is made if it is absent. Undefined when it cannot be made or
 * belongs to another user: then no server of this user trusts it.
 */
export async function keptDirectory(path: string): Promise<HostPath | undefined> {
  try {
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) await ownDirectory(path);
    return hostPathOf(await realpath(path, "buffer"));
  } catch {
    return undefined;
  }
}

/**
 * Makes a directory that only this user can enter. Throws when one of another user exists there.
 */
export async function ownDirectory(path: string | Buffer): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(unlessThere);
  const stats = await lstat(path);
  if (!stats.isDirectory() || !isOwn(stats)) throw foreignOwner(hostPathOf(path));
  if ((stats.mode & 0o022) === 0) return;
  throw internalError(
    `${path} can be written by other users: remove it, this server needs its place`,
  );
}

function isOwn({ uid }: Stats): boolean {
  return uid === (process.getuid?.() ?? 0);
}

function foreignOwner(path: HostPath) {
  return internalError(
    `${shownPath(path)} is not this user's directory or file: remove it, ` +
      "this server needs its place",
  );
}

function unlessThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EEXIST") throw error;
}
