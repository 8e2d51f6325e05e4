/**
 * The one directory in which this server keeps what sandboxes need on the disk: masks for hidden
 * files, the fs-helper's program, and marks of what has to be removed from workspaces. Every
 * sandbox has it read-only or not at all.
 */
import { randomUUID } from "node:crypto";
import { constants, lstatSync } from "node:fs";
import { chmod, lstat, mkdir, open, readFile, realpath, rename, writeFile } from "node:fs/promises";
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

/** Puts a file there under its own name, whole or not at all; servers of one version share it. */
export async function keepFile(
  state: StateDirectory,
  name: string,
  content: Uint8Array,
): Promise<KeptFile> {
  const path = `${state.path}/${name}` as HostPath;
  // Before the content is read, so that what is written after that makes another one.
  const identity = keptIdentity(path);
  const present = await readFile(path).catch(() => undefined);
  if (present && Buffer.compare(present, content) === 0) return { path, identity };
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, content, { mode: 0o400, flag: "wx", flush: false });
  await rename(draft, path);
  return { path, identity: keptIdentity(path) };
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
