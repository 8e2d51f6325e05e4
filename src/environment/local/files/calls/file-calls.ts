/**
 * The calls of node:fs that the file operations use, for host paths. Open files are plain
 * descriptors, because a `FileHandle` costs more than the system call it makes.
 */
import type { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { promisify } from "node:util";
import { directBytesMax, listedEntryMs, listingMsMax } from "../../../../limits.ts";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import { type HostPath, nodePath } from "../../../../protocol/path-uri.ts";
import { CallKind, type FileCall } from "../../../../system/direct-calls.ts";
import { callAt, callOn, closeOf, openAt } from "../../../../system/mount-lanes.ts";
import { begin, type Steps, settled } from "./steps.ts";

type NodePath = string | Buffer;

/** Makes calls from the synchronous and the asynchronous form of a function of node:fs. */
const inBothForms =
  <A extends readonly unknown[], T>(now: (...args: A) => T, later: (...args: A) => Promise<T>) =>
  (...args: A): FileCall<T> => ({ now: () => now(...args), later: () => later(...args) });

const latin1 = { encoding: "latin1" } as const;
const open = inBothForms<[NodePath, number, number | undefined], number>(
  fs.openSync,
  promisify(fs.open),
);
const close = inBothForms<[number], void>(fs.closeSync, promisify(fs.close));
const fstat = inBothForms<[number], fs.Stats>(fs.fstatSync, promisify(fs.fstat));
const identify = inBothForms<[number], fs.BigIntStats>(
  (fd) => fs.fstatSync(fd, { bigint: true }),
  (fd) =>
    new Promise((resolve, reject) => {
      fs.fstat(fd, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(stats)));
    }),
);
const fchmod = inBothForms<[number, number], void>(fs.fchmodSync, promisify(fs.fchmod));
const ftruncate = inBothForms<[number, number | undefined], void>(
  fs.ftruncateSync,
  promisify(fs.ftruncate),
);
const lstatOf = inBothForms<[NodePath], fs.Stats>(fs.lstatSync, promisify(fs.lstat));
const statOf = inBothForms<[NodePath], fs.Stats>(fs.statSync, promisify(fs.stat));
const chmod = inBothForms<[NodePath, number], void>(fs.chmodSync, promisify(fs.chmod));
const mkdir = inBothForms<[NodePath, number | undefined], unknown>(
  fs.mkdirSync,
  promisify(fs.mkdir),
);
const rmdir = inBothForms<[NodePath], void>(fs.rmdirSync, promisify(fs.rmdir));
const unlink = inBothForms<[NodePath], void>(fs.unlinkSync, promisify(fs.unlink));
const symlink = inBothForms<[NodePath, NodePath], void>(
  (target, path) => fs.symlinkSync(target, path),
  fs.promises.symlink,
);
const readlink = inBothForms<[NodePath], string>(
  (path) => fs.readlinkSync(path, latin1),
  (path) => fs.promises.readlink(path, latin1),
);
const realpath = inBothForms<[NodePath], string>(
  (path) => fs.realpathSync.native(path, latin1),
  (path) =>
    new Promise((resolve, reject) => {
      fs.realpath.native(path, latin1, (error, real) => (error ? reject(error) : resolve(real)));
    }),
);
const withTypes = { ...latin1, withFileTypes: true } as const;
const readdir = inBothForms<[NodePath], fs.Dirent[]>(
  (path) => fs.readdirSync(path, withTypes),
  (path) => fs.promises.readdir(path, withTypes),
);
const read = inBothForms<[number, Uint8Array, number | null], number>(
  (fd, bytes, position) => fs.readSync(fd, bytes, 0, bytes.length, position),
  (fd, bytes, position) =>
    new Promise((resolve, reject) => {
      fs.read(fd, bytes, 0, bytes.length, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    }),
);
const write = inBothForms<[number, Uint8Array, number], number>(
  (fd, bytes, position) => fs.writeSync(fd, bytes, 0, bytes.length, position),
  (fd, bytes, position) =>
    new Promise((resolve, reject) => {
      fs.write(fd, bytes, 0, bytes.length, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    }),
);

/**
 * For a minute after many files were removed, an ext4 without a journal checks each of their inodes
 * again before it gives one to a new file, whose creation then takes half a millisecond instead of
 * 20 microseconds.
 */
const creations = new CallKind();

export function openFile(path: HostPath, flags: number, mode?: number): MaybePromise<number> {
  const call = open(nodePath(path), flags, mode);
  return openAt(path, flags & fs.constants.O_CREAT ? { ...call, kind: creations } : call);
}

/** Closes a file that was written; rejects with write errors that the system reports only now. */
export function closeFile(fd: number): MaybePromise<void> {
  return closeOf(fd, close(fd));
}

/** Closes a file that was only read: without waiting, and ignoring errors, which lose nothing. */
export function dropFile(fd: number): void {
  const closing = closeFile(fd);
  if (closing instanceof Promise) closing.catch(nothingLost);
}

export function statFile(fd: number): MaybePromise<fs.Stats> {
  return callOn(fd, fstat(fd));
}

/** The same as bigints, because inode numbers of some file systems are too large for numbers. */
export function identifyFile(fd: number): MaybePromise<fs.BigIntStats> {
  return callOn(fd, identify(fd));
}

export function chmodFile(fd: number, mode: number): MaybePromise<void> {
  return callOn(fd, fchmod(fd, mode));
}

export function truncateFile(fd: number, length?: number): MaybePromise<void> {
  return callOn(fd, ftruncate(fd, length));
}

/**
 * Reads up to the length of `bytes`, from `position` or, if null, from where the last read ended.
 * Returns the number of bytes, 0 at the end of the file.
 */
export function readAt(
  fd: number,
  bytes: Uint8Array,
  position: number | null,
): MaybePromise<number> {
  const call = read(fd, bytes, position);
  // A file read without positions may be the kernel's own, whose reads may block.
  return callOn(fd, position === null ? onThread(call) : boundedBy(bytes, call));
}

/** Writes all of `bytes`, in as many calls as the system needs. */
export function writeAt(fd: number, bytes: Uint8Array, position: number): MaybePromise<void> {
  return begin(writes(fd, bytes, position));
}

function* writes(fd: number, bytes: Uint8Array, position: number): Steps<void> {
  let written = 0;
  while (written < bytes.length) {
    const rest = written === 0 ? bytes : bytes.subarray(written);
    written += yield* settled(callOn(fd, boundedBy(rest, write(fd, rest, position + written))));
  }
}

const boundedBy = <T>(bytes: Uint8Array, call: FileCall<T>): FileCall<T> =>
  bytes.length > directBytesMax ? onThread(call) : call;

const onThread = <T>({ later }: FileCall<T>): FileCall<T> => ({ later });

export function lstat(path: HostPath): MaybePromise<fs.Stats> {
  return callAt(path, lstatOf(nodePath(path)));
}

export function stat(path: HostPath): MaybePromise<fs.Stats> {
  return callAt(path, statOf(nodePath(path)));
}

/** Entries of a directory, sorted by the bytes of their names; names have one char per byte. */
export async function readEntries(path: HostPath): Promise<fs.Dirent[]> {
  const entries = await callAt(path, { ...readdir(nodePath(path)), workMs: listingMs });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const listingMs = (entries: readonly fs.Dirent[]) =>
  Math.min(entries.length * listedEntryMs, listingMsMax);

export function realPath(path: HostPath): MaybePromise<HostPath> {
  return callAt(path, realpath(nodePath(path))) as MaybePromise<HostPath>;
}

export function makeDirectory(path: HostPath, mode?: number): MaybePromise<unknown> {
  return callAt(path, mkdir(nodePath(path), mode));
}

export function chmodPath(path: HostPath, mode: number): MaybePromise<void> {
  return callAt(path, chmod(nodePath(path), mode));
}

export function unlinkPath(path: HostPath): MaybePromise<void> {
  return callAt(path, unlink(nodePath(path)));
}

/** Unlinks on the event loop. For bursts, whose caller checks mounts and time. */
export function unlinkNow(path: HostPath): void {
  fs.unlinkSync(nodePath(path));
}

/**
 * The system remembers the names of removed files, and forgets those of a directory one by one when
 * that is removed, which takes a fifth of a millisecond for a hundred.
 */
const directoryRemovals = new CallKind();

export function removeEmptyDirectory(path: HostPath): MaybePromise<void> {
  return callAt(path, { ...rmdir(nodePath(path)), kind: directoryRemovals });
}

export function readLink(path: HostPath): MaybePromise<string> {
  return callAt(path, readlink(nodePath(path)));
}

export function makeLink(target: string, path: HostPath): MaybePromise<void> {
  return callAt(path, symlink(nodePath(target as HostPath), nodePath(path)));
}

/** Whether `thrown` is a system error with one of these codes. */
export function hasCode(thrown: unknown, ...codes: string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}

/** A close that fails frees the descriptor, too. */
const nothingLost = () => undefined;
