import { Buffer } from "node:buffer";
import { openSync, readSync } from "node:fs";
import { mountTableReadBytes } from "../limits.ts";

let fd: number | undefined;
let block = Buffer.alloc(mountTableReadBytes);
let last = { bytes: Buffer.alloc(0), text: "" };

/**
 * The table of this server's mounts. It is the kernel's own, and reading it never waits. Kept open,
 * and made into text only when it has changed, it takes a third of the time.
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

/** Has the kernel tell when `mountsNow` must read the table again, instead of reading it to see. */
export function watchOuterMounts(watch: () => boolean): void {
  mayHaveChanged = watch;
  isRead = false;
}

/**
 * The table as it was when mounts were last made, changed or removed: what is asked before every
 * confined operation. A directory above a mount that is renamed may have its former name there; the
 * mount is the same then, and goes along in every sandbox.
 */
export function mountsNow(): string {
  if (mayHaveChanged()) isRead = false;
  // A change is told once, and a read can fail for want of descriptors.
  if (!isRead) outerMounts();
  isRead = true;
  return last.text;
}

/** The table as it was when anybody read it last; empty before that. */
export const newestMounts = (): string => last.text;

/** The kernel gives it in pieces, and makes it anew when it is read from the beginning. */
function whole(file: number): Buffer {
  let length = 0;
  for (;;) {
    const count = readSync(file, block, length, block.length - length, length);
    if (count === 0) return block.subarray(0, length);
    length += count;
    if (length === block.length) block = Buffer.concat([block, Buffer.alloc(block.length)]);
  }
}
