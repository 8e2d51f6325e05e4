import { libcIfAny } from "./libc.ts";

/** Removes a file by its name (ASCII) from an open directory; false when that fails. */
export type RelativeUnlink = (directory: number, name: string) => boolean;

/**
 * `unlinkat`, which Node lacks. Reaching the open directory through procfs instead takes the kernel
 * a quarter of the time of the removal itself. Undefined without native functions.
 */
export async function relativeUnlink(): Promise<RelativeUnlink | undefined> {
  const libc = await libcIfAny();
  return libc && ((directory, name) => libc.unlinkat(directory, name, 0) === 0);
}
