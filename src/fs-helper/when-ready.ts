import { helperWaitMs } from "../limits.ts";

/**
 * Repeats a read or write until it does not fail with EAGAIN. The parent, or another process that
 * shares the worker's stdio, may have made it non-blocking.
 */
export function whenReady<T>(call: () => T): T {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, helperWaitMs);
    }
  }
}
