/**
 * Replaces the content of a regular file in place: inode, mode, owner and hard links stay. No
 * sequence of calls that does this is atomic when the process is killed, so what takes more than
 * one call is recorded in a journal first, from which it can be finished. Truncating at the end
 * instead of at the beginning is also faster: after a truncation ext4 sends the file to the disk
 * when it is closed (auto_da_alloc), which made writing 1 KiB take 230 microseconds instead of 13.
 */
import type { Stats } from "node:fs";
import { pageBytes, type WriteEntry } from "../journal/entry.ts";
import type { WriteJournal } from "../journal/journal.ts";
import { identifyFile, statFile, truncateFile, writeAt } from "./calls/file-calls.ts";
import { realPathOf } from "./calls/no-follow.ts";
import type { OpenFile } from "./calls/open-file.ts";
import { identity } from "./trees/copy-file.ts";

export async function replaceContent(
  file: OpenFile,
  content: Uint8Array,
  journal: WriteJournal | undefined,
): Promise<void> {
  if (!file.stats.isFile()) return writeAt(file.fd, content, 0);
  await inTurn(file, async ({ size }) => {
    const write = () => overwrite(file.fd, size, content);
    if (!journal || isOneStep(size, content.length)) return write();
    const entry = await entryOf(file.fd);
    return entry ? journal.during({ ...entry, oldSize: size }, content, write) : write();
  });
}

/**
 * Whether one call does it, entirely or not at all: the kernel checks for a kill between pages, not
 * within one.
 */
function isOneStep(oldSize: number, newSize: number): boolean {
  return newSize === 0 || (newSize <= pageBytes && newSize >= oldSize);
}

/** Names an open file or directory. Undefined where the system does not tell its path. */
export async function entryOf(fd: number): Promise<WriteEntry | undefined> {
  const path = await realPathOf(fd);
  if (path === undefined) return undefined;
  const { dev, ino } = await identifyFile(fd);
  return { path, device: `${dev}`, inode: `${ino}` };
}

/**
 * Writes the part that lengthens the file first: if there is no room for it, the old content stays.
 */
async function overwrite(fd: number, oldSize: number, content: Uint8Array): Promise<void> {
  const { length } = content;
  if (isOneStep(oldSize, length))
    return length === 0 ? truncateFile(fd, 0) : writeAt(fd, content, 0);
  if (length > oldSize) await lengthen(fd, oldSize, content.subarray(oldSize));
  await writeAt(fd, content.subarray(0, oldSize), 0);
  if (length < oldSize) await truncateFile(fd, length);
}

async function lengthen(fd: number, oldSize: number, tail: Uint8Array): Promise<void> {
  try {
    await writeAt(fd, tail, oldSize);
  } catch (error) {
    await truncateFile(fd, oldSize);
    throw error;
  }
}

const turns = new Map<string, Promise<void>>();

/**
 * Runs all writes of one file one after the other, each with fresh stats: those of its opening may
 * be out of date, even for the first.
 */
async function inTurn(file: OpenFile, work: (stats: Stats) => Promise<void>): Promise<void> {
  const key = identity(file.stats);
  const before = turns.get(key) ?? Promise.resolve();
  const done = before.then(async () => work(await statFile(file.fd)));
  const over = done.then(ignore, ignore);
  turns.set(key, over);
  try {
    await done;
  } finally {
    if (turns.get(key) === over) turns.delete(key);
  }
}

/** The caller learns how its write went; those behind it go on. */
const ignore = () => undefined;
