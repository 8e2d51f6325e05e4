import { randomUUID } from "node:crypto";
import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";

/** The descriptor of a file without a name that holds `content`, to be read from its beginning. */
export function unlinkedFile(directory: string, content: Uint8Array): number {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const path = `${directory}/${randomUUID()}`;
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    unlinkSync(path);
    // At a position, so that the offset, which the reader shares, stays at the beginning.
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at, undefined, at);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
