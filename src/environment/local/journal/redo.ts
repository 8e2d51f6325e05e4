import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { chmod, type FileHandle, open, readlink } from "node:fs/promises";
import { copyChunkBytes, unfinishedWriteMs } from "../../../limits.ts";
import { type HostPath, nodePath, shownPath, splitPath } from "../../../protocol/path-uri.ts";
import { O_PATH } from "../path-only.ts";
import { readWord, unpackEntry, type WriteEntry, wordBytes } from "./entry.ts";

const { O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

interface WriteRecord {
  readonly entry: WriteEntry;
  readonly slip: FileHandle;
  /** Where in the slip the content begins. */
  readonly start: number;
  readonly contentBytes: number;
  /** When the record was made, and by when whoever made it was gone. */
  readonly madeMs: number;
  readonly beganMs: number;
}

/** Whether whoever made a record could have written this file. */
export type MayWrite = (path: HostPath) => boolean;

/**
 * Does what the slip at `path` records, if it holds a whole record and the file is still as the
 * killed process left it. Gives the path of the file; undefined when there was nothing to do.
 */
export async function redo(
  path: string,
  beganMs: number,
  mayWrite: MayWrite = () => true,
): Promise<string | undefined> {
  await chmod(path, 0o600);
  const slip = await open(path, O_RDONLY | O_NOFOLLOW);
  try {
    const record = await recordIn(slip, beganMs);
    if (record === undefined || !mayWrite(record.entry.path)) return undefined;
    const target = await openTarget(record.entry);
    if (target === undefined) return undefined;
    try {
      if (!(await isAsLeft(target, record))) return undefined;
      await writeContent(target, record);
      return shownPath(record.entry.path);
    } finally {
      await target.close();
    }
  } finally {
    await slip.close();
  }
}

async function recordIn(slip: FileHandle, beganMs: number): Promise<WriteRecord | undefined> {
  const { size, mtimeMs: madeMs } = await slip.stat();
  const lengths = size < wordBytes ? undefined : readWord(await read(slip, 0, wordBytes));
  if (lengths === undefined) return undefined;
  const { entryBytes, contentBytes } = lengths;
  const entry = unpackEntry(await read(slip, wordBytes, entryBytes));
  return { entry, slip, start: wordBytes + entryBytes, contentBytes, madeMs, beganMs };
}

/**
 * Nothing is opened for writing before it is known to be the file itself: who can rename what is on
 * the way to it could lead us elsewhere, and some devices act when they are opened.
 */
async function openTarget(entry: WriteEntry): Promise<FileHandle | undefined> {
  const { parent, name } = splitPath(entry.path);
  if (entry.oldSize !== undefined) {
    return withHandle(nodePath(entry.path), O_PATH | O_NOFOLLOW, async (pinned) =>
      (await isMeant(pinned, entry.path, entry)) ? openPinned(pinned, O_WRONLY) : undefined,
    );
  }
  return withHandle(nodePath(parent), O_PATH | O_DIRECTORY | O_NOFOLLOW, async (directory) => {
    if (!(await isMeant(directory, parent, entry))) return undefined;
    const path = Buffer.from(`/proc/self/fd/${directory.fd}/${name}`, "latin1");
    return withHandle(path, O_PATH | O_NOFOLLOW, (pinned) => openPinned(pinned, O_RDWR));
  });
}

/** Also where it really is: a number of an inode is given again when its file is gone. */
async function isMeant(pinned: FileHandle, path: HostPath, { device, inode }: WriteEntry) {
  const [{ dev, ino }, real] = await Promise.all([
    pinned.stat({ bigint: true }),
    readlink(`/proc/self/fd/${pinned.fd}`, "latin1"),
  ]);
  return `${dev}` === device && `${ino}` === inode && real === path;
}

async function openPinned(pinned: FileHandle, access: number): Promise<FileHandle | undefined> {
  if (!(await pinned.stat()).isFile()) return undefined;
  return open(`/proc/self/fd/${pinned.fd}`, access | O_NONBLOCK | O_NOCTTY);
}

/** Undefined when nothing is there any more. */
async function withHandle<T>(
  path: string | Buffer,
  flags: number,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  const handle = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "ELOOP") {
      return undefined;
    }
    throw error;
  });
  try {
    return handle && (await use(handle));
  } finally {
    await handle?.close();
  }
}

async function isAsLeft(target: FileHandle, record: WriteRecord): Promise<boolean> {
  const { size, mtimeMs, nlink } = await target.stat();
  const { entry, contentBytes, madeMs, beganMs } = record;
  if (mtimeMs > Math.min(beganMs, madeMs + unfinishedWriteMs)) return false;
  const { oldSize } = entry;
  if (oldSize !== undefined) {
    return size === contentBytes || (size >= oldSize && size <= Math.max(oldSize, contentBytes));
  }
  return nlink === 1 && size <= contentBytes && (await holdsBeginning(target, size, record));
}

/** A file that was being made holds nothing but the first part of its content. */
async function holdsBeginning(target: FileHandle, size: number, { slip, start }: WriteRecord) {
  for (let at = 0; at < size; at += copyChunkBytes) {
    const count = Math.min(copyChunkBytes, size - at);
    const [is, wanted] = await Promise.all([
      read(target, at, count),
      read(slip, start + at, count),
    ]);
    if (!is.equals(wanted)) return false;
  }
  return true;
}

/** Does no harm when it is done again, and so none when it is interrupted. */
async function writeContent(target: FileHandle, record: WriteRecord): Promise<void> {
  const { slip, start, contentBytes } = record;
  for (let at = 0; at < contentBytes; ) {
    const piece = await read(slip, start + at, Math.min(copyChunkBytes, contentBytes - at));
    for (let done = 0; done < piece.length; ) {
      const { bytesWritten } = await target.write(piece, done, piece.length - done, at + done);
      done += bytesWritten;
    }
    at += piece.length;
  }
  await target.truncate(contentBytes);
}

async function read(file: FileHandle, position: number, count: number): Promise<Buffer> {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const { bytesRead } = await file.read(bytes, at, count - at, position + at);
    if (bytesRead === 0) throw new Error("a record of a write is shorter than it says");
    at += bytesRead;
  }
  return bytes;
}
