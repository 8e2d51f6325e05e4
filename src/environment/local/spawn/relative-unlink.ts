import { loadLibc } from "./posix-libc.ts";

/** Removes a file by its name (ASCII) from an open directory; false when that fails. */
export type RelativeUnlink = (directory: number, name: string) => boolean;

/**
 * `unlinkat`, which Node lacks. Reaching the open directory through procfs instead takes the kernel
 * a quarter of the time of the removal itself. Undefined without native functions.
 */
export async function relativeUnlink(): Promise<RelativeUnlink | undefined> {
  try {
    const { unlinkat } = await loadLibc();
    return (directory, name) => unlinkat(directory, name, 0) === 0;
  } catch {
    // The caller goes through procfs.
    return undefined;
  }
}
