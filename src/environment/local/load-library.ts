import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { libraryDescriptors } from "../../limits.ts";

/**
 * Imports a library when it is first needed. Node remembers an import that failed, also when that
 * was for want of descriptors, and would fail for ever: so that is found out before.
 */
export async function loadLibrary<T>(load: () => Promise<T>): Promise<T> {
  checkDescriptors(libraryDescriptors);
  return load();
}

/** Throws what the system says when not so many are left. */
export function checkDescriptors(count: number): void {
  const fds: number[] = [];
  try {
    while (fds.length < count) fds.push(openSync(devNull, "r"));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
