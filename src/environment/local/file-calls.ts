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
import { type HostPath, nodePath } from "../../protocol/path-uri.ts";

const openNow = promisify(open);
const closeNow = promisify(close);
const chmodNow = promisify(chmodCallback);
const lstatNow = promisify<string | Buffer, Stats>(lstatCallback);
const statNow = promisify<string | Buffer, Stats>(statCallback);

export const chmodFile = promisify(fchmod);
export const truncateFile = promisify(ftruncate);

export function openFile(path: HostPath, flags: number, mode?: number): Promise<number> {
  return openNow(nodePath(path), flags, mode);
}

/** Closes a file that was written; fails with what the system only now finds out of the writes. */
export function closeFile(fd: number): Promise<void> {
  return closeNow(fd);
}

/** Closes a file without waiting: for one that was only read, where nothing can be lost. */
export function dropFile(fd: number): void {
  close(fd, () => undefined);
}

/** Reads up to the length of `bytes` from `position` on; 0 at the end of the file. */
export function readAt(fd: number, bytes: Uint8Array, position: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, bytes, 0, bytes.length, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

/** Writes all of `bytes`, however many calls the system needs for them. */
export async function writeAt(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await writeSome(fd, bytes.subarray(written), position + written);
  }
}

function writeSome(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

export function lstat(path: HostPath): Promise<Stats> {
  return lstatNow(nodePath(path));
}

export function stat(path: HostPath): Promise<Stats> {
  return statNow(nodePath(path));
}

/** What is in a directory, in the order of the names' bytes; names have one char per byte. */
export async function readEntries(path: HostPath): Promise<Dirent[]> {
  const entries = await readdir(nodePath(path), { withFileTypes: true, encoding: "latin1" });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function realPath(path: HostPath): Promise<HostPath> {
  return new Promise((resolve, reject) => {
    realpath.native(nodePath(path), { encoding: "latin1" }, (error, real) => {
      if (error) reject(error);
      else resolve(real as HostPath);
    });
  });
}

export async function makeDirectory(path: HostPath, mode?: number): Promise<void> {
  await mkdir(nodePath(path), mode);
}

export async function chmodPath(path: HostPath, mode: number): Promise<void> {
  await chmodNow(nodePath(path), mode);
}

export function unlinkPath(path: HostPath): Promise<void> {
  return unlink(nodePath(path));
}

export function removeEmptyDirectory(path: HostPath): Promise<void> {
  return rmdir(nodePath(path));
}

export function readLink(path: HostPath): Promise<string> {
  return readlink(nodePath(path), { encoding: "latin1" });
}

export function makeLink(target: string, path: HostPath): Promise<void> {
  return symlink(nodePath(target as HostPath), nodePath(path));
}

/** Whether `thrown` is an error of the system with one of these codes. */
export function hasCode(thrown: unknown, ...codes: string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}
