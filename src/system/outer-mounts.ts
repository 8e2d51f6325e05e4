import { Buffer } from "node:buffer";
import { openSync, readSync } from "node:fs";
import { mountTableReadBytes } from "../limits.ts";

let fd: number | undefined;
let block = Buffer.alloc(mountTableReadBytes);
let last = { bytes: Buffer.alloc(0), text: "" };

/**
 * This server's mount table, read anew. The kernel serves it from memory, so reading never waits.
 * Keeping the file open, and decoding only changes, takes a third of the time.
 */
export function outerMounts(): string {
  fd ??= openSync("/proc/self/mountinfo", "r");
  const bytes = whole(fd);
  if (!last.bytes.equals(bytes))
    last = { bytes: Buffer.from(bytes), text: bytes.toString("latin1") };
  return last.text;
}

let mayHaveChanged = () => true;
let isRead = false;

/**
 * Sets a watch for changes of the mount table, so that `mountsNow` reads it only after a change.
 */
export function watchOuterMounts(watch: () => boolean): void {
  mayHaveChanged = watch;
  isRead = false;
}

/**
 * This server's mount table, cached until mounts change, because it is needed before every confined
 * operation. After the rename of a directory above a mount it may have the former path; the mount
 * stays the same, and moves along in every sandbox.
 */
export function mountsNow(): string {
  if (mayHaveChanged()) isRead = false;
  // A change is reported once, and reading can fail for lack of descriptors.
  if (!isRead) outerMounts();
  isRead = true;
  return last.text;
}

/** The table as of the last read; empty before. */
export const newestMounts = (): string => last.text;

/** The kernel gives the table in pieces, and builds it anew when it is read from offset 0. */
function whole(file: number): Buffer {
  let length = 0;
  for (;;) {
    const count = readSync(file, block, length, block.length - length, length);
    if (count === 0) return block.subarray(0, length);
    length += count;
    if (length === block.length) block = Buffer.concat([block, Buffer.alloc(block.length)]);
  }
}
