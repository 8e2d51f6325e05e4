import { Buffer } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { journalEntryBytesMax } from "../../../limits.ts";
import { readWord, unpackEntry, type WriteEntry, wordBytes } from "./entry.ts";

/** What a slip says is to be written, and where in it the content is. */
export interface WriteRecord {
  readonly entry: WriteEntry;
  readonly slip: FileHandle;
  readonly start: number;
  readonly contentBytes: number;
  readonly madeMs: number;
}

/**
 * Undefined when there is no record, or not all of it. A slip that was lent can hold anything: so
 * it is looked at as a whole before the first byte of it is written anywhere.
 */
export async function readRecord(slip: FileHandle): Promise<WriteRecord | undefined> {
  const { size, mtimeMs: madeMs } = await slip.stat();
  const lengths = size < wordBytes ? undefined : readWord(await readWhole(slip, 0, wordBytes));
  if (lengths === undefined) return undefined;
  const { entryBytes, contentBytes } = lengths;
  const start = wordBytes + entryBytes;
  if (entryBytes > journalEntryBytesMax || start + contentBytes > size) throw new Error(notWhole);
  const entry = unpackEntry(await readWhole(slip, wordBytes, entryBytes));
  return { entry, slip, start, contentBytes, madeMs };
}

export async function readWhole(
  file: FileHandle,
  position: number,
  count: number,
): Promise<Buffer> {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const { bytesRead } = await file.read(bytes, at, count - at, position + at);
    if (bytesRead === 0) throw new Error(notWhole);
    at += bytesRead;
  }
  return bytes;
}

const notWhole = "a record of a write is shorter than it says";
