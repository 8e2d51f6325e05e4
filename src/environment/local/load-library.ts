import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { libraryDescriptors } from "../../limits.ts";

/**
 * Imports a library when it is first needed. Node remembers an import that failed, also when that
 * was for want of descriptors, and would fail for ever: so that is found out before.
 */
export async function loadLibrary<T>(load: () => Promise<T>): Promise<T> {
  checkDescriptors();
  return load();
}

/** Throws what the system says when not so many are left as the loading may take at once. */
function checkDescriptors(): void {
  const fds: number[] = [];
  try {
    while (fds.length < libraryDescriptors) fds.push(openSync(devNull, "r"));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
