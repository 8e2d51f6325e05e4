import type { MaybePromise } from "../../../../protocol/methods.ts";

/**
 * Does `work` for every item, at most `limit` at a time. After a failure nothing new is begun, and
 * the failure is thrown when the work under way has ended.
 */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => MaybePromise<void>,
): Promise<void> {
  const waiting = items.values();
  let failed = false;
  const workOff = async () => {
    for (const item of waiting) {
      if (failed) return;
      try {
        const outcome = work(item);
        // Only promises are awaited: a microtask for each of ten thousand files takes as long as
        // the work.
        if (outcome instanceof Promise) await outcome;
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(limit, items.length) }, workOff);
  for (const outcome of await Promise.allSettled(workers)) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}
