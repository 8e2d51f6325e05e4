import {
  fileCallsInParallel,
  handedFilesMax,
  handedFilesMin,
  handedOverMax,
} from "../../../limits.ts";
import type { MaybePromise } from "../../../protocol/methods.ts";
import { type CallKind, callDirectly, sliceLeftMs } from "../direct-calls.ts";
import type { Handled } from "../hand.ts";
import { hasRemoteMounts } from "../mount-lanes.ts";
import { inParallel } from "./in-parallel.ts";

/** The same deed for many things in one directory. */
export interface Deed<T> {
  /** Does it here and now; false leaves it to `later`, with nothing done. */
  readonly now: (item: T) => boolean;
  readonly later: (item: T) => MaybePromise<void>;
  /** What it has taken lately; a kind of its own, for one is a burst of calls. */
  readonly kind?: CallKind;
  /** Has another thread do it for some of them; undefined when none is free. */
  readonly byHand?: (items: readonly T[]) => Promise<Handled> | undefined;
}

/**
 * Does it for each item: as many as fit into a slice of the event loop in one go, because what
 * stands around a call that is made by itself takes as long as the call. After a failure nothing
 * new is begun.
 */
export async function inBursts<T>(items: readonly T[], deed: Deed<T>): Promise<void> {
  for (let next = await doneByHand(items, deed); next < items.length; ) {
    const waiting = items.slice(next, next + handedOverMax);
    const handOver = () => inParallel(waiting, fileCallsInParallel, deed.later);
    const later = () => handOver().then(() => waiting.length);
    const isHere = !hasRemoteMounts() && !deed.kind?.isSlow;
    const left: T[] = [];
    const now = () => burst(items, next, { ...deed, leave: (item) => left.push(item) });
    next += await (isHere ? callDirectly({ now, later }) : later());
    await inParallel(left, fileCallsInParallel, deed.later);
  }
}

/** Gives the number of items that have had their turn, until one failed or no hand was free. */
async function doneByHand<T>(items: readonly T[], { byHand, later }: Deed<T>): Promise<number> {
  let next = 0;
  for (let end = 0; next === end && items.length - next >= handedFilesMin && !hasRemoteMounts(); ) {
    const some = items.slice(next, next + handedFilesMax);
    const handled = await byHand?.(some);
    if (!handled) return next;
    end += some.length;
    next += handled.count;
    const left = handled.left.map((at) => some[at] as T);
    await inParallel(left, fileCallsInParallel, later);
  }
  return next;
}

/** Gives the number of items that have had their turn. */
function burst<T>(
  items: readonly T[],
  from: number,
  { now, kind, leave }: Deed<T> & { leave(item: T): void },
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
