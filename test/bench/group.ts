import type { BenchServer } from "./server.ts";

/** One figure of a group. */
export interface Metric {
  readonly name: string;
  readonly unit: Unit;
  readonly better: "lower" | "higher";
  /** Tells about the machine, or is relative to that: it stands in the table, but is not drawn. */
  readonly basis?: boolean;
}

export type Unit =
  | "ms"
  | "MB/s"
  | "MB"
  | "KB"
  | "requests/s"
  | "processes/s"
  | "descriptors"
  | "times";

/** Figures by the name of their metric. */
export type Figures = Readonly<Record<string, number>>;

/** Figures that are taken together. A new group is a file in groups/ and a line in groups.ts. */
export interface Group {
  readonly name: string;
  readonly rounds: number;
  readonly metrics: readonly Metric[];
  /** Every round has a server of its own, for memory remembers; else the groups share one. */
  readonly fresh?: boolean;
  /** Takes every metric once; `effort` is 1 for a full run and less for a quick one. */
  measure(server: BenchServer, effort: number): Promise<Figures>;
}

/** A metric of which less is better. */
export const lower = (name: string, unit: Unit = "ms"): Metric => ({ name, unit, better: "lower" });

export const higher = (name: string, unit: Unit): Metric => ({ name, unit, better: "higher" });
