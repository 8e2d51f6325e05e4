import { helperWaitMs } from "../limits.ts";

/**
 * What a read or write gives that would rather block. Whoever started the worker, or what runs in
 * it beside this program, may have left its stdio non-blocking: then the wait is ours.
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
