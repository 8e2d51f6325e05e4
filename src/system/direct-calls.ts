/**
 * Makes file calls on the event loop itself. On a local disk nearly every call ends within
 * microseconds, and handing it to a thread and back costs ten times that. Two bounds keep the loop
 * responsive: the calls of a turn share a slice of time, after which the rest waits for the next
 * turn; and after a slow call, further ones go to threads for a multiple of its duration, so that a
 * slow disk gets only a small share of the loop.
 */
import {
  callsRemembered,
  directSliceMs,
  handedOverMax,
  handOverMs,
  slowCallMs,
  slowDiskPauseRatio,
} from "../limits.ts";
import type { MaybePromise } from "../protocol/methods.ts";

/**
 * A file call in two forms: `now` makes it on the event loop, `later` on a thread. Without `now` it
 * must not be made on the event loop.
 */
export interface FileCall<T> {
  readonly now?: () => T;
  readonly later: () => Promise<T>;
  /** For calls that can be slow even on a fast disk: remembers what they have taken lately. */
  readonly kind?: CallKind;
  /** Time that the size of its result explains, which says nothing about the disk. */
  readonly workMs?: (result: T) => number;
}

/** A duration above this counts as this much: the rest is an interruption, not the call. */
const interruptedMs = handOverMs * 4;

/** What calls of one kind have taken lately, when they were made here. */
export class CallKind {
  readonly #triedEvery: number;
  #usualMs = 0;
  #handedOver = 0;

  /** One of `triedEvery` calls, or bursts, is made on the event loop even when the kind is slow. */
  constructor(triedEvery = handedOverMax) {
    this.#triedEvery = triedEvery;
  }

  /** Whether the next call is better made on a thread. Counts the calls for which it is asked. */
  get isSlow(): boolean {
    return this.#usualMs > handOverMs && ++this.#handedOver % this.#triedEvery !== 0;
  }

  /** Records that each of `calls` in a row took `timeMs` on average. */
  took(timeMs: number, calls = 1): void {
    const share = Math.min(calls / callsRemembered, 1);
    this.#usualMs += (Math.min(timeMs, interruptedMs) - this.#usualMs) * share;
  }
}

/** Time that calls have taken since the slice began. */
let spentMs = 0;
let isEndDue = false;
let waiting: (() => void)[] = [];
let threadsUntilMs = 0;

/** Makes a call, which must depend on local disks only: on the event loop, if that is the best. */
export function callDirectly<T>(call: FileCall<T>): MaybePromise<T> {
  if (call.now === undefined || call.kind?.isSlow) return call.later();
  return spentMs < directSliceMs ? callNow(call, call.now) : callInNextTurn(call);
}

/** Time left in this slice, after which a call that consists of several should stop. */
export const sliceLeftMs = (): number => directSliceMs - spentMs;

function callNow<T>({ later, kind, workMs }: FileCall<T>, now: () => T): MaybePromise<T> {
  const startMs = performance.now();
  if (startMs < threadsUntilMs) return later();
  let slowMs = slowCallMs;
  try {
    const result = now();
    if (workMs) slowMs += workMs(result);
    return result;
  } catch (error) {
    return Promise.reject(error);
  } finally {
    const endMs = performance.now();
    const tookMs = endMs - startMs;
    spentMs += tookMs;
    kind?.took(tookMs);
    if (spentMs > directSliceMs / 2) endWithTurn();
    if (tookMs > slowMs) threadsUntilMs = endMs + tookMs * slowDiskPauseRatio;
  }
}

async function callInNextTurn<T>(call: FileCall<T>): Promise<T> {
  await new Promise<void>((resolve) => {
    waiting.push(resolve);
    endWithTurn();
  });
  return callDirectly(call);
}

/**
 * Ends the slice with this turn of the event loop. Called when half of the slice is used, so that
 * the next turn's calls do not wait for a new one, which takes a tenth of the time of a
 * `fs/getMetadata`. Turns that make few calls share a slice.
 */
function endWithTurn(): void {
  if (isEndDue) return;
  isEndDue = true;
  setImmediate(beginSlice);
}

function beginSlice(): void {
  const ready = waiting;
  waiting = [];
  isEndDue = false;
  spentMs = 0;
  for (const proceed of ready) proceed();
}
