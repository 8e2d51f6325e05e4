import { libcIfAny } from "./libc.ts";

/**
 * Returns freed memory to the system. glibc keeps what lies below the last block in use: without
 * this, ten minutes of mixed load left twice the memory that was in use. Without native functions
 * the memory stays with this process, to be used again.
 */
export async function returnFreedMemory(): Promise<void> {
  (await libcIfAny())?.malloc_trim?.();
}
