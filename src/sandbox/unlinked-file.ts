import { randomUUID } from "node:crypto";
import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";

/**
 * The descriptor, the caller's to close, of a file without a name that holds `content`, to be read
 * from its beginning. When it cannot be made, none is open.
 */
export function unlinkedFile(directory: string, content: Uint8Array): number {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const path = `${directory}/${randomUUID()}`;
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    unlinkSync(path);
    fill(fd, content);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** At a position, so that the offset, which the reader shares, stays at the beginning. */
function fill(fd: number, content: Uint8Array): void {
  for (let at = 0; at < content.length; ) at += writeSync(fd, content, at, undefined, at);
}
