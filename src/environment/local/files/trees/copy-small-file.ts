import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  type Stats,
  writeSync,
} from "node:fs";
import { smallCopyBytesMax } from "../../../../limits.ts";
import { type HostPath, nodePath } from "../../../../protocol/path-uri.ts";
import { hasCode } from "../calls/file-calls.ts";
import { readingFlags, writingFlags } from "../calls/open-file.ts";
import { identity, modeBits } from "./copy-file.ts";

let content: Buffer | undefined;

/**
 * Does what `copyFile` does, at once and synchronously: step by step a small file takes twice as
 * long. False, with no content changed, when it is not a small regular file, which `copyFile`
 * handles.
 */
export function copySmallFile(source: HostPath, destination: HostPath, flags: number): boolean {
  try {
    return copy(source, destination, flags);
  } catch (error) {
    // A FIFO or a socket instead of a file.
    if (hasCode(error, "ENXIO")) return false;
    throw error;
  }
}

function copy(source: HostPath, destination: HostPath, flags: number): boolean {
  const from = openSync(nodePath(source), readingFlags | constants.O_NOFOLLOW);
  try {
    const stats = fstatSync(from);
    if (!stats.isFile() || stats.size >= smallCopyBytesMax) return false;
    content ??= Buffer.allocUnsafeSlow(smallCopyBytesMax);
    const length = readSync(from, content, 0, smallCopyBytesMax, 0);
    // Not for a file of procfs, which reports a size of 0, or one that changes while it is read.
    const bytes = content.subarray(0, length);
    return length === stats.size && write({ bytes, source: stats, destination, flags });
  } finally {
    closeSync(from);
  }
}

interface Copy {
  readonly bytes: Buffer;
  readonly source: Stats;
  readonly destination: HostPath;
  readonly flags: number;
}

function write({ bytes, source, destination, flags }: Copy): boolean {
  const mode = source.mode & modeBits;
  const openFlags = writingFlags | constants.O_CREAT | flags;
  const to = openSync(nodePath(destination), openFlags, mode & 0o777);
  try {
    const present = fstatSync(to);
    if (!present.isFile() || identity(present) === identity(source)) return false;
    if (present.size > 0) ftruncateSync(to, 0);
    writeAll(to, bytes);
    if ((present.mode & modeBits) !== mode) fchmodSync(to, mode);
    return true;
  } finally {
    closeSync(to);
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written, bytes.length - written, written);
  }
}
