import { Buffer } from "node:buffer";
import { constants, type Stats } from "node:fs";
import { copyChunkBytes, procFileChunkBytes } from "../../../../limits.ts";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import type { HostPath } from "../../../../protocol/path-uri.ts";
import {
  chmodFile,
  closeFile,
  dropFile,
  readAt,
  truncateFile,
  writeAt,
} from "../calls/file-calls.ts";
import { type OpenFile, openForReading, openForWriting } from "../calls/open-file.ts";
import { begin, type Steps, settled } from "../calls/steps.ts";

/** Permissions with setuid, setgid and sticky. */
export const modeBits = 0o7777;

/**
 * Copies content and mode of a regular file over a regular file at `destination`, or creates that.
 * Reads and writes instead of `fs.copyFile`, which takes half as long again for small files and
 * would wait for ever at a FIFO.
 */
export function copyFile(
  source: HostPath,
  destination: HostPath,
  manner: CopyManner = {},
): MaybePromise<void> {
  return begin(copying(source, destination, manner));
}

export interface CopyManner {
  /** Further flags for opening the destination. */
  readonly flags?: number;
  /** Creates the file when those before it in the same directory are created. */
  readonly makeInTurn?: (make: () => MaybePromise<OpenFile>) => MaybePromise<OpenFile>;
}

function* copying(source: HostPath, destination: HostPath, manner: CopyManner): Steps<void> {
  const { flags = 0, makeInTurn = atOnce } = manner;
  const from = yield* settled(openForReading({ path: source, flags: constants.O_NOFOLLOW }));
  try {
    const mode = from.stats.mode & 0o777;
    const make = () => openForWriting({ path: destination, mode, flags });
    const to = yield* settled(makeInTurn(make));
    try {
      yield* fill(from, to);
    } finally {
      yield* settled(closeFile(to.fd));
    }
  } finally {
    dropFile(from.fd);
  }
}

const atOnce: NonNullable<CopyManner["makeInTurn"]> = (make) => make();

/** Leaves a file that is its own copy alone: truncating it would lose the content. */
function* fill(from: OpenFile, to: OpenFile): Steps<void> {
  if (identity(from.stats) === identity(to.stats)) return;
  if (to.stats.size > 0) yield* settled(truncateFile(to.fd, 0));
  yield* copyContent(from, to.fd);
  const mode = from.stats.mode & modeBits;
  // After the content, because writing clears setuid and setgid.
  if (to.stats.isFile() && (to.stats.mode & modeBits) !== mode) {
    yield* settled(chmodFile(to.fd, mode));
  }
}

function* copyContent(from: OpenFile, to: number): Steps<void> {
  const { size } = from.stats;
  const chunk = Buffer.allocUnsafe(Math.min(size || procFileChunkBytes, copyChunkBytes));
  // Reads also when the size is 0, which files of procfs report although they have content.
  for (let copied = 0; size === 0 || copied < size; ) {
    const count = yield* settled(readAt(from.fd, chunk, copied));
    if (count === 0) return;
    yield* settled(writeAt(to, chunk.subarray(0, count), copied));
    copied += count;
  }
}

/** Identifies a file by device and inode. */
export function identity({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
