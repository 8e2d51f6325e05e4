import type { Figures } from "../group.ts";
import type { BenchServer } from "../server.ts";

/** What grows, and what its growth costs. A new axis is a file in axes/ and a line in axes.ts. */
export interface Axis {
  readonly name: string;
  /** What is counted. */
  readonly counted: string;
  /** Four sizes, each ten times the one before. */
  readonly sizes: readonly number[];
  readonly costs: readonly Cost[];
  /** Takes every cost once, of a server that has done nothing before. */
  measure(server: BenchServer, size: number): Promise<Figures>;
}

export interface Cost {
  readonly name: string;
  /** Of one of what is counted, or of one piece of work beside all of them. */
  readonly unit: string;
}

/** Small work is repeated, so that it is neither the first of its kind nor one moment's luck. */
export const repeatsFor = (size: number, enough: number) =>
  Math.max(1, Math.min(30, Math.round(enough / size)));
