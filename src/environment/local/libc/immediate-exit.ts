import { libcIfAny } from "./libc.ts";

/**
 * Returns a function that ends this process without waiting for the threads of Node's pool: one
 * that hangs in a call to a dead disk would hold up `process.exit` for ever. Undefined without
 * native functions.
 */
export async function immediateExit(): Promise<((code: number) => void) | undefined> {
  return (await libcIfAny())?._exit;
}
