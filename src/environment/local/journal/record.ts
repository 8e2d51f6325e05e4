import { Buffer } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { journalEntryBytesMax } from "../../../limits.ts";
import { headerBytes, readHeader, unpackEntry, type WriteEntry } from "./entry.ts";

/** A write as a slip records it, and where in the slip its content starts. */
export interface WriteRecord {
  readonly entry: WriteEntry;
  readonly slip: FileHandle;
  readonly start: number;
  readonly contentBytes: number;
  /** When it was recorded: the slip's mtime. */
  readonly madeMs: number;
}

/**
 * Undefined when the slip holds no record. Throws when the record is cut or malformed, before a
 * byte of it is written anywhere: a lent slip can hold anything.
 */
export async function readRecord(slip: FileHandle): Promise<WriteRecord | undefined> {
  const { size, mtimeMs: madeMs } = await slip.stat();
  const lengths =
    size < headerBytes ? undefined : readHeader(await readWhole(slip, 0, headerBytes));
  if (lengths === undefined) return undefined;
  const { entryBytes, contentBytes } = lengths;
  const start = headerBytes + entryBytes;
  if (entryBytes > journalEntryBytesMax || start + contentBytes > size) throw new Error(notWhole);
  const entry = unpackEntry(await readWhole(slip, headerBytes, entryBytes));
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
