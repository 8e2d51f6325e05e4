import { loadLibc } from "./posix-libc.ts";

/**
 * A way to end this process without waiting for the threads of Node's pool, of which one that hangs
 * in a call to a dead disk would hold up `process.exit` for ever. Undefined where there is none.
 */
export async function immediateExit(): Promise<((code: number) => void) | undefined> {
  try {
    return (await loadLibc())._exit;
  } catch {
    // Without native functions the ordinary way has to do.
    return undefined;
  }
}
