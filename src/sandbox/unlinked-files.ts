import { randomUUID } from "node:crypto";
import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";

/**
 * Descriptors of files without a name that hold `contents`, to be read from their beginnings. The
 * caller's to close; when one cannot be made, none is open.
 */
export function unlinkedFiles(directory: string, contents: readonly Uint8Array[]): number[] {
  const fds: number[] = [];
  try {
    for (const content of contents) fill(opened(directory, fds), content);
    return fds;
  } catch (error) {
    for (const fd of fds) closeSync(fd);
    throw error;
  }
}

function opened(directory: string, fds: number[]): number {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const path = `${directory}/${randomUUID()}`;
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  fds.push(fd);
  unlinkSync(path);
  return fd;
}

/** At a position, so that the offset, which the reader shares, stays at the beginning. */
function fill(fd: number, content: Uint8Array): void {
  for (let at = 0; at < content.length; ) at += writeSync(fd, content, at, undefined, at);
}
