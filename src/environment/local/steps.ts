/**
 * Work that is written like an async function, with `function*` and `yield*` in place of `async`
 * and `await`, and that takes no turn of the event loop, and no promise, for what is there at once.
 */
import type { MaybePromise } from "../../protocol/methods.ts";

/** Work that stops where something is on its way. */
export type Steps<T> = Generator<Promise<unknown>, T, unknown>;

/** Waits for what is on its way. */
export function* settled<T>(outcome: MaybePromise<T>): Steps<T> {
  return outcome instanceof Promise ? ((yield outcome) as T) : outcome;
}

/** Does the work: at once as far as possible, and then behind what it waits for. */
export function begin<T>(work: Steps<T>): MaybePromise<T> {
  try {
    const step = work.next();
    return step.done ? step.value : goOn(work, step.value);
  } catch (error) {
    return Promise.reject(error);
  }
}

async function goOn<T>(work: Steps<T>, awaited: Promise<unknown>): Promise<T> {
  let step = await nextStep(work, awaited);
  while (!step.done) step = await nextStep(work, step.value);
  return step.value;
}

async function nextStep<T>(work: Steps<T>, awaited: Promise<unknown>) {
  let outcome: unknown;
  try {
    outcome = await awaited;
  } catch (error) {
    return work.throw(error);
  }
  return work.next(outcome);
}
