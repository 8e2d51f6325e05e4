import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  writeSync,
  writev,
} from "node:fs";
import { promisify } from "node:util";
import { directBytesMax, journalKeptBytes } from "../../../limits.ts";
import {
  headerBytes,
  noHeader,
  packEntry,
  packHeader,
  pageBytes,
  type WriteEntry,
} from "./entry.ts";

const writevLater = promisify(writev);

/**
 * A journal file that holds one record at a time and is reused: overwriting existing pages costs a
 * third of adding new ones. Its mode is 0, so that a sandboxed process, which sees it but must not
 * change its mode, cannot read content that was written elsewhere.
 */
export class JournalSlip {
  readonly fd: number;
  #sizeBytes = 0;

  /** Creates the file at a path, or takes an open descriptor. */
  constructor(place: string | number) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    this.fd = typeof place === "number" ? place : openSync(place, flags, 0);
  }

  /** False when the file was unlinked or its disk fails: no finisher would find the record. */
  get isThere(): boolean {
    try {
      return fstatSync(this.fd).nlink > 0;
    } catch {
      // The reason does not matter: the slip is not used.
      return false;
    }
  }

  /** Writes a record. Rejects, and leaves none, when there is no room for it. */
  async record(entry: WriteEntry, content: Uint8Array): Promise<void> {
    const packed = packEntry(entry);
    const header = packHeader({ entryBytes: packed.length, contentBytes: content.length });
    const bytes = headerBytes + packed.length + content.length;
    this.#sizeBytes = Math.max(this.#sizeBytes, bytes);
    if (bytes <= pageBytes) return writeAll(this.fd, Buffer.concat([header, packed, content]), 0);
    const write = bytes <= directBytesMax ? writeNow : writeOnThread;
    await write(this.fd, [packed, content]);
    writeAll(this.fd, header, 0);
  }

  /** Erases the record of a write that has ended, and truncates a file that has grown large. */
  clear(): void {
    writeSync(this.fd, noHeader, 0, headerBytes, 0);
    if (this.#sizeBytes <= journalKeptBytes) return;
    ftruncateSync(this.fd, 0);
    this.#sizeBytes = 0;
  }

  /** Erases the record without throwing: truncation works even on a full disk. */
  empty(): void {
    try {
      this.clear();
    } catch {
      // The disk is full, or fails.
      tryToEmpty(this.fd);
    }
  }

  /** Never throws: a close that fails frees the descriptor, too. */
  close(): void {
    try {
      closeSync(this.fd);
    } catch {
      // The result of the write does not depend on this.
    }
  }
}

function tryToEmpty(fd: number): void {
  try {
    ftruncateSync(fd, 0);
  } catch {
    // The disk fails for good. Redoing the record is harmless: its content has been written.
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, bytes.length - at, position + at);
  }
}

async function writeNow(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  let position = headerBytes;
  for (const part of parts) {
    writeAll(fd, part, position);
    position += part.length;
  }
}

async function writeOnThread(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  let position = headerBytes;
  let rest = [...parts];
  while (rest.length > 0) {
    const { bytesWritten } = await writevLater(fd, rest, position);
    position += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  return parts.flatMap((part) => {
    const cut = Math.min(left, part.length);
    left -= cut;
    return cut === part.length ? [] : [part.subarray(cut)];
  });
}
