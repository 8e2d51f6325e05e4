/** What several rounds gave. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = low] = sorted.slice(
    Math.ceil(middle) - 1,
    Math.floor(middle) + 1,
  );
  return (low + high) / 2;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** How long each of `count` runs takes, one after another, after a few that are not counted. */
export async function timesOf(count: number, run: (index: number) => Promise<unknown>) {
  const times: number[] = [];
  const warmups = Math.min(5, count);
  for (let index = -warmups; index < count; index += 1) {
    const before = performance.now();
    await run(index);
    if (index >= 0) times.push(performance.now() - before);
  }
  return times;
}
