/**
 * File calls made on the event loop itself. On a disk of this machine nearly every call ends within
 * microseconds, and handing it to a thread and back costs ten times that. Two bounds keep the loop
 * responsive: calls share a slice of time, after which the rest waits for the next turn; and after
 * a call that took long, further ones go to threads for a multiple of its time, so that a slow disk
 * has no more than a small share of the loop.
 */
import {
  callsRemembered,
  directSliceMs,
  handedOverMax,
  handOverMs,
  slowCallMs,
  slowDiskPauseRatio,
} from "../../limits.ts";
import type { MaybePromise } from "../../protocol/methods.ts";

/** The same call, here or on a thread. Without `now` it must not be made on the event loop. */
export interface FileCall<T> {
  readonly now?: () => T;
  readonly later: () => Promise<T>;
  /** Of calls that can be slow on a fast disk, too. */
  readonly kind?: CallKind;
  /** What it may take because of how much it gives, which says nothing of the disk. */
  readonly workMs?: (result: T) => number;
}

/** No call takes this long by itself of which it matters how long it takes. */
const interruptedMs = handOverMs * 4;

/** What calls of one kind have taken lately, when they were made here. */
export class CallKind {
  readonly #triedEvery: number;
  #usualMs = 0;
  #handedOver = 0;

  /** Of as many calls, or bursts of them, that are handed over one is tried here. */
  constructor(triedEvery = handedOverMax) {
    this.#triedEvery = triedEvery;
  }

  /** Whether a thread is better; now and then one is made here to find out. */
  get isSlow(): boolean {
    return this.#usualMs > handOverMs && ++this.#handedOver % this.#triedEvery !== 0;
  }

  /** What one took of `calls` in a row. One that was interrupted says little of the next ones. */
  took(timeMs: number, calls = 1): void {
    const share = Math.min(calls / callsRemembered, 1);
    this.#usualMs += (Math.min(timeMs, interruptedMs) - this.#usualMs) * share;
  }
}

/** What calls have taken since the slice began. */
let spentMs = 0;
let isEndDue = false;
let waiting: (() => void)[] = [];
let threadsUntilMs = 0;

/** Only for calls that wait for nothing but a disk of this machine. */
export function callDirectly<T>(call: FileCall<T>): MaybePromise<T> {
  if (call.now === undefined || call.kind?.isSlow) return call.later();
  return spentMs < directSliceMs ? callNow(call, call.now) : callInNextTurn(call);
}

/** For a call that consists of several: when it should end, so that the next turn can begin. */
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
 * Turns that make few calls share a slice. After one that makes many the next turn has its own: its
 * calls would have to wait otherwise, which takes a tenth of the time of a `fs/getMetadata`.
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
