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
import { noWord, packEntry, packWord, pageBytes, type WriteEntry, wordBytes } from "./entry.ts";

const writevLater = promisify(writev);

/**
 * A file that holds one record at a time and is used again and again: pages that are there already
 * cost a third of new ones. Nobody has a right on it, so that a sandboxed process, which sees it
 * and is not allowed to change that, cannot read what was written elsewhere.
 */
export class JournalSlip {
  readonly fd: number;
  #sizeBytes = 0;

  /** Makes it, or takes one that is open. */
  constructor(place: string | number) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    this.fd = typeof place === "number" ? place : openSync(place, flags, 0);
  }

  /** False when somebody has removed it, or its disk fails: nobody would find what it holds. */
  get isThere(): boolean {
    try {
      return fstatSync(this.fd).nlink > 0;
    } catch {
      // Whoever asks has no use for why.
      return false;
    }
  }

  /** Fails without a record when there is no room for it. */
  async record(entry: WriteEntry, content: Uint8Array): Promise<void> {
    const packed = packEntry(entry);
    const word = packWord({ entryBytes: packed.length, contentBytes: content.length });
    const bytes = wordBytes + packed.length + content.length;
    this.#sizeBytes = Math.max(this.#sizeBytes, bytes);
    if (bytes <= pageBytes) return writeAll(this.fd, Buffer.concat([word, packed, content]), 0);
    const write = bytes <= directBytesMax ? writeNow : writeOnThread;
    await write(this.fd, [packed, content]);
    writeAll(this.fd, word, 0);
  }

  /** The write is over, however it went. */
  clear(): void {
    writeSync(this.fd, noWord, 0, wordBytes, 0);
    if (this.#sizeBytes <= journalKeptBytes) return;
    ftruncateSync(this.fd, 0);
    this.#sizeBytes = 0;
  }

  /** The same for whoever has no other slip, and no use for an error: emptying takes no room. */
  empty(): void {
    try {
      this.clear();
    } catch {
      // The disk is full, or fails.
      tryToEmpty(this.fd);
    }
  }

  /** A close that fails frees the descriptor all the same. */
  close(): void {
    try {
      closeSync(this.fd);
    } catch {
      // How a write went does not depend on this.
    }
  }
}

function tryToEmpty(fd: number): void {
  try {
    ftruncateSync(fd, 0);
  } catch {
    // It fails for good; what is recorded is what was written, so doing it again changes nothing.
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, bytes.length - at, position + at);
  }
}

async function writeNow(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  let position = wordBytes;
  for (const part of parts) {
    writeAll(fd, part, position);
    position += part.length;
  }
}

async function writeOnThread(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  let position = wordBytes;
  let rest = [...parts];
  while (rest.length > 0) {
    const { bytesWritten } = await writevLater(fd, rest, position);
    position += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let gone = count;
  return parts.flatMap((part) => {
    const cut = Math.min(gone, part.length);
    gone -= cut;
    return cut === part.length ? [] : [part.subarray(cut)];
  });
}
