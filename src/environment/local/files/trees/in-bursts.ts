import {
  fileCallsInParallel,
  handedFilesMax,
  handedFilesMin,
  handedOverMax,
} from "../../../../limits.ts";
import type { MaybePromise } from "../../../../protocol/methods.ts";
import { type CallKind, callDirectly, sliceLeftMs } from "../../../../system/direct-calls.ts";
import { hasRemoteMounts } from "../../../../system/mount-lanes.ts";
import type { WorkDone } from "../../threads/file-thread.ts";
import { inParallel } from "../calls/in-parallel.ts";

/** A task for many entries of a directory. */
export interface BurstTask<T> {
  /** Does the task on the event loop; false when it did nothing and `later` has to do it. */
  readonly now: (item: T) => boolean;
  readonly later: (item: T) => MaybePromise<void>;
  /** How long the task has taken lately. Not shared with single calls: a task may make several. */
  readonly kind?: CallKind;
  /** Has a file thread do it for some of the items; undefined when none is free. */
  readonly onThread?: (items: readonly T[]) => Promise<WorkDone> | undefined;
}

/**
 * Does the task for each item, in bursts that fill a slice of the event loop: scheduling each call
 * by itself would take as long as the call. After a failure nothing new is begun.
 */
export async function inBursts<T>(items: readonly T[], task: BurstTask<T>): Promise<void> {
  for (let next = await doneOnThreads(items, task); next < items.length; ) {
    const waiting = items.slice(next, next + handedOverMax);
    const handOver = () => inParallel(waiting, fileCallsInParallel, task.later);
    const later = () => handOver().then(() => waiting.length);
    const isHere = !hasRemoteMounts() && !task.kind?.isSlow;
    const left: T[] = [];
    const now = () => burst(items, next, { ...task, leave: (item) => left.push(item) });
    next += await (isHere ? callDirectly({ now, later }) : later());
    await inParallel(left, fileCallsInParallel, task.later);
  }
}

/** Returns how many items were handled before one failed or no thread was free. */
async function doneOnThreads<T>(
  items: readonly T[],
  { onThread, later }: BurstTask<T>,
): Promise<number> {
  let next = 0;
  for (let end = 0; next === end && items.length - next >= handedFilesMin && !hasRemoteMounts(); ) {
    const some = items.slice(next, next + handedFilesMax);
    const handled = await onThread?.(some);
    if (!handled) return next;
    end += some.length;
    next += handled.count;
    const left = handled.left.map((at) => some[at] as T);
    await inParallel(left, fileCallsInParallel, later);
  }
  return next;
}

/** Returns how many items were handled before the slice was over. */
function burst<T>(
  items: readonly T[],
  from: number,
  { now, kind, leave }: BurstTask<T> & { leave(item: T): void },
): number {
  const startMs = performance.now();
  const endMs = startMs + sliceLeftMs();
  let at = from;
  let nowMs = startMs;
  while (at < items.length && nowMs < endMs) {
    const item = items[at++] as T;
    if (!now(item)) leave(item);
    nowMs = performance.now();
  }
  const count = at - from;
  kind?.took((nowMs - startMs) / Math.max(count, 1), count);
  return count;
}
