/**
 * The calls of node:fs that the file operations are made of, for host paths. Open files are plain
 * descriptors with callbacks, because a `FileHandle` costs more than the system call it makes.
 */
import type { Buffer } from "node:buffer";
import {
  chmod as chmodCallback,
  close,
  type Dirent,
  fchmod,
  fstat,
  fstatSync,
  ftruncate,
  lstat as lstatCallback,
  open,
  read,
  realpath,
  type Stats,
  stat as statCallback,
  write,
} from "node:fs";
import { mkdir, readdir, readlink, rmdir, symlink, unlink } from "node:fs/promises";
import { promisify } from "node:util";
import { type HostPath, nodePath } from "../../../protocol/path-uri.ts";
import { callAt, callOn, closeOf, mayHang, openAt } from "../mount-lanes.ts";

const openNow = promisify(open);
const statFileNow = promisify<number, Stats>(fstat);
const chmodFileNow = promisify(fchmod);
const truncateFileNow = promisify(ftruncate);
const closeNow = promisify(close);
const chmodNow = promisify(chmodCallback);
const lstatNow = promisify<string | Buffer, Stats>(lstatCallback);
const statNow = promisify<string | Buffer, Stats>(statCallback);

export function chmodFile(fd: number, mode: number): Promise<void> {
  return callOn(fd, () => chmodFileNow(fd, mode));
}

export function truncateFile(fd: number, length?: number): Promise<void> {
  return callOn(fd, () => truncateFileNow(fd, length));
}

export function openFile(path: HostPath, flags: number, mode?: number): Promise<number> {
  return openAt(path, () => openNow(nodePath(path), flags, mode));
}

/** Closes a file that was written; fails with what the system only now finds out of the writes. */
export function closeFile(fd: number): Promise<void> {
  return closeOf(fd, () => closeNow(fd));
}

/** Closes a file without waiting: for one that was only read, where nothing can be lost. */
export function dropFile(fd: number): void {
  void closeOf(fd, () => new Promise<void>((resolve) => close(fd, () => resolve())));
}

/**
 * Of a file just opened the kernel of a local disk knows this without waiting, so nobody else has
 * to.
 */
export function statFile(fd: number): Stats | Promise<Stats> {
  return mayHang(fd) ? callOn(fd, () => statFileNow(fd)) : fstatSync(fd);
}

/** Reads up to the length of `bytes` from `position` on; 0 at the end of the file. */
export function readAt(fd: number, bytes: Uint8Array, position: number | null): Promise<number> {
  const call = () =>
    new Promise<number>((resolve, reject) => {
      read(fd, bytes, 0, bytes.length, position, (error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
  return callOn(fd, call);
}

/** Writes all of `bytes`, however many calls the system needs for them. */
export async function writeAt(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await writeSome(fd, bytes.subarray(written), position + written);
  }
}

function writeSome(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  const call = () =>
    new Promise<number>((resolve, reject) => {
      write(fd, bytes, 0, bytes.length, position, (error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
  return callOn(fd, call);
}

export function lstat(path: HostPath): Promise<Stats> {
  return callAt(path, () => lstatNow(nodePath(path)));
}

export function stat(path: HostPath): Promise<Stats> {
  return callAt(path, () => statNow(nodePath(path)));
}

/** What is in a directory, in the order of the names' bytes; names have one char per byte. */
export async function readEntries(path: HostPath): Promise<Dirent[]> {
  const how = { withFileTypes: true, encoding: "latin1" } as const;
  const entries = await callAt(path, () => readdir(nodePath(path), how));
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function realPath(path: HostPath): Promise<HostPath> {
  const call = () =>
    new Promise<HostPath>((resolve, reject) => {
      realpath.native(nodePath(path), { encoding: "latin1" }, (error, real) => {
        if (error) reject(error);
        else resolve(real as HostPath);
      });
    });
  return callAt(path, call);
}

export async function makeDirectory(path: HostPath, mode?: number): Promise<void> {
  await callAt(path, () => mkdir(nodePath(path), mode));
}

export async function chmodPath(path: HostPath, mode: number): Promise<void> {
  await callAt(path, () => chmodNow(nodePath(path), mode));
}

export function unlinkPath(path: HostPath): Promise<void> {
  return callAt(path, () => unlink(nodePath(path)));
}

export function removeEmptyDirectory(path: HostPath): Promise<void> {
  return callAt(path, () => rmdir(nodePath(path)));
}

export function readLink(path: HostPath): Promise<string> {
  return callAt(path, () => readlink(nodePath(path), { encoding: "latin1" }));
}

export function makeLink(target: string, path: HostPath): Promise<void> {
  return callAt(path, () => symlink(nodePath(target as HostPath), nodePath(path)));
}

/** Whether `thrown` is an error of the system with one of these codes. */
export function hasCode(thrown: unknown, ...codes: string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}
