import { median } from "./figures.ts";
import type { Family } from "./process-family.ts";

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export async function msOf(run: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await run();
  return performance.now() - before;
}

const warmupsOf = (count: number) => Math.min(5, count);

/** How long each of `count` runs takes, one after another, after a few that are not counted. */
export async function timesOf(count: number, run: (index: number) => Promise<unknown>) {
  const times: number[] = [];
  const warmups = warmupsOf(count);
  for (let index = -warmups; index < count; index += 1) {
    const ms = await msOf(() => run(index));
    if (index >= 0) times.push(ms);
  }
  return times;
}

/** The median time of `count` runs, and the processors' time that one costs those who serve it. */
export async function costOf(count: number, family: Family, run: () => Promise<unknown>) {
  const cpuBeforeMs = family.cpuMs();
  const times = await timesOf(count, run);
  const runs = count + warmupsOf(count);
  return { ms: median(times), cpuMs: (family.cpuMs() - cpuBeforeMs) / runs };
}

/**
 * Does `count` pieces of work, `inFlight` at a time, and gives their results in order. Some servers
 * stop for ever when a few hundred requests wait on a connection: stay at 64.
 */
export async function inLanes<T>(
  count: number,
  inFlight: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, inFlight) }, lane));
  return results;
}

/** Fails when `work` takes longer than `ms`, naming it. */
export async function within<T>(ms: number, name: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} took more than ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Times `run` again and again, with a pause between, until `other` is over. */
export async function timesDuring(other: Promise<unknown>, run: () => Promise<unknown>) {
  const times: number[] = [];
  let over = false;
  const end = () => {
    over = true;
  };
  other.then(end, end);
  while (!over) {
    times.push(await msOf(run));
    await sleep(2);
  }
  await other;
  return times;
}
