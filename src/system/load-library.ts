import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { libraryDescriptors } from "../limits.ts";

/**
 * Imports a library when it is first needed. Node remembers an import that failed for lack of
 * descriptors and would fail for ever, so their number is checked first.
 */
export async function loadLibrary<T>(load: () => Promise<T>): Promise<T> {
  checkDescriptors(libraryDescriptors);
  try {
    return await load();
  } catch (error) {
    if (!isMissingModule(error)) throw error;
    throw new Error(
      "a part of this program is gone from the disk: it was removed or updated while it ran; " +
        "start it again",
      { cause: error },
    );
  }
}

const isMissingModule = (error: unknown) =>
  ["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(
    (error as NodeJS.ErrnoException).code ?? "",
  );

/** Throws the system's error when fewer descriptors than `count` are free. */
export function checkDescriptors(count: number): void {
  const fds: number[] = [];
  try {
    while (fds.length < count) fds.push(openSync(devNull, "r"));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
