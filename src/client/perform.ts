import { setMaxListeners } from "node:events";
import { libraryError } from "./errors.ts";

/** What every operation of the library takes. */
export interface CallOptions {
  /**
   * Gives the operation up: it fails with the signal's reason. What the executor has begun by then
   * may still be done; what has not been sent to it, or would have to be sent again, is not.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Runs an operation until it is done or given up; what it throws is an error of the library. */
export async function perform<T>(
  signal: AbortSignal | undefined,
  work: () => T | Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  if (signal) allowMany(signal);
  try {
    return await (signal ? untilAborted(signal, work) : work());
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw libraryError(error);
  }
}

/**
 * One signal may be given to any number of operations, each of which takes back its listeners. Node
 * would take the eleventh for a leak of memory, and say so on the stderr of the program.
 */
export function allowMany(signal: AbortSignal): void {
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
}

function untilAborted<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abandon = () => reject(signal.reason);
    signal.addEventListener("abort", abandon, { once: true });
    // Work that throws before it has given a promise has an end as well.
    new Promise<T>((begin) => begin(work()))
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abandon));
  });
}
