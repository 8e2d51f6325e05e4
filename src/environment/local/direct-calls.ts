/**
 * File calls made on the event loop itself. On a disk of this machine nearly every call ends within
 * microseconds, and handing it to a thread and back costs ten times that. Two bounds keep the loop
 * responsive: calls of one turn share a slice of time, after which the rest waits for the next
 * turn; and after a call that took long, further ones go to threads for a multiple of its time, so
 * that a slow disk has no more than a small share of the loop.
 */
import { directSliceMs, slowCallMs, slowDiskPauseRatio } from "../../limits.ts";

/** The same call, here or on a thread. Without `now` it must not be made on the event loop. */
export interface FileCall<T> {
  readonly now?: () => T;
  readonly later: () => Promise<T>;
}

interface Turn {
  readonly endsAtMs: number;
  readonly waiting: (() => void)[];
}

let turn: Turn | undefined;
let threadsUntilMs = 0;

/** Only for calls that wait for nothing but a disk of this machine. */
export async function callDirectly<T>({ now, later }: FileCall<T>): Promise<T> {
  if (now === undefined) return later();
  let startMs = performance.now();
  while (startMs >= currentTurn(startMs).endsAtMs) {
    await nextTurn();
    startMs = performance.now();
  }
  if (startMs < threadsUntilMs) return later();
  try {
    return now();
  } finally {
    const endMs = performance.now();
    const tookMs = endMs - startMs;
    if (tookMs > slowCallMs) threadsUntilMs = endMs + tookMs * slowDiskPauseRatio;
  }
}

function currentTurn(nowMs: number): Turn {
  if (turn === undefined) {
    turn = { endsAtMs: nowMs + directSliceMs, waiting: [] };
    setImmediate(endTurn);
  }
  return turn;
}

function endTurn(): void {
  const waiting = turn?.waiting ?? [];
  turn = undefined;
  for (const proceed of waiting) proceed();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    turn?.waiting.push(resolve);
  });
}
