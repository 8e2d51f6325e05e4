import { fileCallsInParallel, handedOverMax } from "../../../limits.ts";
import type { Given } from "../../../protocol/methods.ts";
import { type CallKind, callDirectly, sliceLeftMs } from "../direct-calls.ts";
import { hasRemoteMounts } from "../mount-lanes.ts";
import { inParallel } from "./in-parallel.ts";

/** The same deed for many things in one directory. */
export interface Deed<T> {
  /** Does it here and now; false leaves it to `later`, with nothing done. */
  readonly now: (item: T) => boolean;
  readonly later: (item: T) => Given<void>;
  /** What it has taken lately; a kind of its own, for one is a burst of calls. */
  readonly kind?: CallKind;
}

/**
 * Does it for each item: as many as fit into a slice of the event loop in one go, because what
 * stands around a call that is made by itself takes as long as the call. After a failure nothing
 * new is begun.
 */
export async function inBursts<T>(items: readonly T[], deed: Deed<T>): Promise<void> {
  for (let next = 0; next < items.length; ) {
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
  kind?.took((nowMs - startMs) / Math.max(count, 1));
  return count;
}
