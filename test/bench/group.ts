import type { Target } from "./target.ts";

/** One figure of a group. */
export interface Metric {
  readonly name: string;
  readonly unit: "ms" | "MB/s" | "requests/s" | "times";
  readonly better: "lower" | "higher";
}

/** Figures by the name of their metric. */
export type Figures = Readonly<Record<string, number>>;

/** Figures that are taken together. A new group is a file in groups/ and a line in main.ts. */
export interface Group {
  readonly name: string;
  readonly rounds: number;
  readonly metrics: readonly Metric[];
  /** Takes every metric once; `effort` is 1 for a full run and less for a quick one. */
  measure(target: Target, effort: number): Promise<Figures>;
}
