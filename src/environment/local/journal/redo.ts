import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { chmod, type FileHandle, open, readlink } from "node:fs/promises";
import { copyChunkBytes, fileTimeSlackMs, unfinishedWriteMs } from "../../../limits.ts";
import { type HostPath, nodePath, shownPath, splitPath } from "../../../protocol/path-uri.ts";
import { O_PATH } from "../../../system/descriptor-path.ts";
import { callAtAll } from "../../../system/mount-lanes.ts";
import { pageBytes, type WriteEntry } from "./entry.ts";
import { readRecord, readWhole, type WriteRecord } from "./record.ts";

const { O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

export interface RedoOptions {
  /** Time at which the writer of the record was known to be gone. */
  readonly goneMs: number;
  /** Whether that writer had the right to write this file. */
  readonly mayWrite: (path: HostPath) => boolean;
  /** Nothing is written any more once this is aborted. */
  readonly signal: AbortSignal;
}

/** Rounded up, because file times are finer: what was just written must not seem later. */
export const goneNowMs = () => Date.now() + 1;

/**
 * Redoes the write that the slip at `path` records, if the record is whole and the file is still as
 * the killed process left it. Returns the path of the file; undefined when nothing was to be done.
 */
export async function redo(path: string, options: RedoOptions): Promise<string | undefined> {
  await chmod(path, 0o600);
  const slip = await open(path, O_RDONLY | O_NOFOLLOW);
  try {
    const record = await readRecord(slip);
    if (record === undefined || !options.mayWrite(record.entry.path)) return undefined;
    const shown = shownPath(record.entry.path);
    // The file's mount may hang, and must not occupy the threads of everything else.
    const isDone = await callAtAll([record.entry.path], () => redoRecord(record, options)).catch(
      (error: Error) => {
        throw new Error(`${shown}: ${error.message}`, { cause: error });
      },
    );
    return isDone ? shown : undefined;
  } finally {
    await slip.close();
  }
}

async function redoRecord(record: WriteRecord, options: RedoOptions): Promise<boolean> {
  const target = await openTarget(record.entry);
  if (target === undefined) return false;
  try {
    if (!(await isAsLeft(target, record, options.goneMs))) return false;
    options.signal.throwIfAborted();
    // If this process is killed, too, the next finisher takes its half-done work for the writer's.
    const now = new Date();
    await record.slip.utimes(now, now);
    await writeContent(target, record, options.signal);
    return true;
  } finally {
    await target.close();
  }
}

/**
 * Checks by O_PATH that it is the recorded file before it opens it for writing: a rename on the way
 * could lead elsewhere, and opening some devices has effects.
 */
async function openTarget(entry: WriteEntry): Promise<FileHandle | undefined> {
  const { parent, name } = splitPath(entry.path);
  if (entry.oldSize !== undefined) {
    return withHandle(nodePath(entry.path), O_PATH | O_NOFOLLOW, async (pinned) =>
      (await isRecorded(pinned, entry.path, entry)) ? openPinned(pinned) : undefined,
    );
  }
  return withHandle(nodePath(parent), O_PATH | O_DIRECTORY | O_NOFOLLOW, async (directory) => {
    if (!(await isRecorded(directory, parent, entry))) return undefined;
    const path = Buffer.from(`/proc/self/fd/${directory.fd}/${name}`, "latin1");
    return withHandle(path, O_PATH | O_NOFOLLOW, openPinned);
  });
}

/** Compares the real path, too, because the number of an inode is reused. */
async function isRecorded(pinned: FileHandle, path: HostPath, { device, inode }: WriteEntry) {
  const [{ dev, ino }, real] = await Promise.all([
    pinned.stat({ bigint: true }),
    readlink(`/proc/self/fd/${pinned.fd}`, "latin1"),
  ]);
  return `${dev}` === device && `${ino}` === inode && real === path;
}

async function openPinned(pinned: FileHandle): Promise<FileHandle | undefined> {
  if (!(await pinned.stat()).isFile()) return undefined;
  return open(`/proc/self/fd/${pinned.fd}`, O_RDWR | O_NONBLOCK | O_NOCTTY);
}

/** Undefined when the path leads to no file any more. */
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

async function isAsLeft(target: FileHandle, record: WriteRecord, goneMs: number): Promise<boolean> {
  const { size, mtimeMs, ctimeMs, nlink } = await target.stat();
  const { entry, contentBytes, madeMs } = record;
  if (isChangedByOthers({ mtimeMs, ctimeMs, madeMs, goneMs })) return false;
  const { oldSize } = entry;
  if (oldSize === undefined) {
    return nlink === 1 && size <= contentBytes && holdsNew(target, record, { from: 0, to: size });
  }
  if (contentBytes > oldSize) {
    const isPossible = size >= oldSize && size <= contentBytes;
    return isPossible && holdsNew(target, record, { from: oldSize, to: size });
  }
  if (size !== oldSize && size !== contentBytes) return false;
  const first = { from: 0, to: Math.min(pageBytes, contentBytes) };
  return ctimeMs < madeMs || holdsNew(target, record, first);
}

interface Times {
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly madeMs: number;
  readonly goneMs: number;
}

/**
 * The kernel sets ctime, and no process can forge it. mtime can be set back, as by a tool that
 * restores a file with its old time; a write sets both alike, so an mtime before and a ctime after
 * the record mean that others changed the file.
 */
function isChangedByOthers({ mtimeMs, ctimeMs, madeMs, goneMs }: Times): boolean {
  if (ctimeMs > Math.min(goneMs, madeMs + unfinishedWriteMs)) return true;
  return ctimeMs >= madeMs && mtimeMs < madeMs - fileTimeSlackMs;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Whether the target has the new content in this range, in which the write begins. */
async function holdsNew(target: FileHandle, { slip, start }: WriteRecord, { from, to }: Range) {
  for (let at = from; at < to; at += copyChunkBytes) {
    const count = Math.min(copyChunkBytes, to - at);
    const [present, wanted] = await Promise.all([
      readWhole(target, at, count),
      readWhole(slip, start + at, count),
    ]);
    if (!present.equals(wanted)) return false;
  }
  return true;
}

/**
 * Can be repeated, so an interruption does no harm. It keeps the order of the original write: first
 * the part that lengthens the file, so that on a full disk the old content stays.
 */
async function writeContent(
  target: FileHandle,
  record: WriteRecord,
  signal: AbortSignal,
): Promise<void> {
  const { entry, contentBytes } = record;
  const longerFrom = Math.min(entry.oldSize ?? 0, contentBytes);
  const { size } = await target.stat();
  try {
    await writeRange(target, record, { from: longerFrom, to: contentBytes, signal });
  } catch (error) {
    if (size < contentBytes && !signal.aborted) await target.truncate(longerFrom);
    throw error;
  }
  await writeRange(target, record, { from: 0, to: longerFrom, signal });
  signal.throwIfAborted();
  await target.truncate(contentBytes);
}

async function writeRange(
  target: FileHandle,
  { slip, start }: WriteRecord,
  { from, to, signal }: Range & { readonly signal: AbortSignal },
): Promise<void> {
  for (let at = from; at < to; ) {
    const piece = await readWhole(slip, start + at, Math.min(copyChunkBytes, to - at));
    for (let done = 0; done < piece.length; ) {
      signal.throwIfAborted();
      const { bytesWritten } = await target.write(piece, done, piece.length - done, at + done);
      done += bytesWritten;
    }
    at += piece.length;
  }
}
