/**
 * Async functions that run synchronously as long as nothing has to be waited for: `function*` and
 * `yield* settled(...)` stand for `async` and `await`, without a promise for values that are there.
 */
import type { MaybePromise } from "../../../../protocol/methods.ts";

/** The steps of a function: it yields the promises that it has to wait for. */
export type Steps<T> = Generator<Promise<unknown>, T, unknown>;

/** Stands for `await`: yields a promise, and returns any other value at once. */
export function* settled<T>(outcome: MaybePromise<T>): Steps<T> {
  return outcome instanceof Promise ? ((yield outcome) as T) : outcome;
}

/** Runs the steps: at once up to the first promise, then asynchronously. Fails by rejecting. */
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
