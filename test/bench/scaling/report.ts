import { short } from "../figures.ts";
import type { Cells } from "../table.ts";
import type { ScalingRow } from "./scaling.ts";

/**
 * `flat`: the last is within twice the first, and the least within half of it; `falls`: a first
 * cost is spread over more and more. `grows`: the last is more than twice the first. `bends`: not
 * so, but more than twice the least, which a large first cost must not hide.
 */
export type Growth = "flat" | "falls" | "grows" | "bends" | "-";

export function growthOf(values: readonly number[]): Growth {
  const [first, last] = [values.at(0) ?? Number.NaN, values.at(-1) ?? Number.NaN];
  if (!(first > 0 && last > 0)) return last <= 0 ? "falls" : "-";
  if (last > first * 2) return "grows";
  if (last > Math.min(...values.filter((value) => value > 0)) * 2) return "bends";
  return last < first / 2 ? "falls" : "flat";
}

/** Columns: what, its unit, the cost at each size, and how it grows. */
export function scalingTable(rows: readonly ScalingRow[]): Cells {
  const sizes = rows[0]?.sizes.map((_, at) => (at === 0 ? "smallest" : `x ${10 ** at}`)) ?? [];
  const lines = rows.map(({ axis, cost, counted, sizes: [smallest = 0], values }) => [
    `${axis}: ${cost.name}`,
    cost.unit,
    `${short(smallest)} ${counted}`,
    ...values.map(short),
    growthOf(values),
  ]);
  return [["cost", "unit", "from", ...sizes, "verdict"], ...lines];
}
