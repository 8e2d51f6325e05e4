import { setMaxListeners } from "node:events";
import { RpcError } from "../../protocol/errors.ts";
import { InvalidParamsError, libraryError } from "./errors.ts";
import { checkOptions } from "./options.ts";

/** Options of every operation. */
export interface CallOptions {
  /**
   * Cancels the operation, which fails with the signal's reason. What the executor has begun may
   * still be done; a request that was not sent yet, or must be repeated, is not sent.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs an operation until it ends or is aborted, after a check of its options. Converts errors to
 * those of the library; what the executor reports gets a message that begins with `about`, unless
 * it tells that already.
 */
export async function perform<T>(
  options: CallOptions,
  work: () => T | Promise<T>,
  about = "",
): Promise<T> {
  checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  if (signal) allowMany(signal);
  try {
    return await (signal ? untilAborted(signal, work) : work());
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw asOfCall(libraryError(error), about);
  }
}

/**
 * An error that the executor reports was made where its message was read, far from the program's
 * lines: so its stack is taken again here, where it leads to the call.
 */
function asOfCall(error: unknown, about: string): unknown {
  if (!(error instanceof RpcError)) return error;
  // Complaints about params name the field instead.
  const isTold = error instanceof InvalidParamsError || error.message.includes(about);
  if (!isTold) error.message = `${about}: ${error.message}`;
  Error.captureStackTrace(error, perform);
  return error;
}

/**
 * Lets a signal have any number of listeners. Each operation removes its own, but Node takes the
 * eleventh for a memory leak and warns on the program's stderr.
 */
export function allowMany(signal: AbortSignal): void {
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
}

function untilAborted<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abandon = () => reject(signal.reason);
    signal.addEventListener("abort", abandon, { once: true });
    // Also catches what `work` throws before it returns a promise.
    new Promise<T>((begin) => begin(work()))
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abandon));
  });
}
