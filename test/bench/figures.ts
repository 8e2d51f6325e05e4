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

/** Leaves out what could not be taken; nothing but that gives NaN. */
export function spreadOf(values: readonly number[]): Spread {
  const taken = values.filter((value) => !Number.isNaN(value));
  if (taken.length === 0) return { median: Number.NaN, least: Number.NaN, most: Number.NaN };
  return { median: median(taken), least: Math.min(...taken), most: Math.max(...taken) };
}

/** Three digits are as many as a shared machine repeats. */
export function short(value: number): string {
  if (Number.isNaN(value)) return "-";
  if (Math.abs(value) >= 1000) return value.toFixed(0);
  return Number(value.toPrecision(3)).toString();
}
