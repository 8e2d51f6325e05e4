import { type Spread, short, spreadOf } from "./figures.ts";
import type { Figures, Group, Metric } from "./group.ts";
import type { Cells } from "./table.ts";

/** The figures of one round, one for each server. */
export type Round = readonly Figures[];

export interface Row {
  readonly group: string;
  readonly metric: Metric;
  /** One for each server. */
  readonly spreads: readonly Spread[];
  /** The first server's figure divided by the second's, round by round. */
  readonly ratio: Spread | undefined;
}

export type Verdict = "better" | "worse" | "=" | "-";

export function rowsOf(group: Group, rounds: readonly Round[]): Row[] {
  return group.metrics.map((metric) => {
    const figures = (round: Round) => round.map((figure) => figure[metric.name] ?? Number.NaN);
    const all = rounds.map(figures);
    const spreads = (all[0] ?? []).map((_, server) =>
      spreadOf(all.map((values) => values[server] ?? Number.NaN)),
    );
    const ratios = all.map(([ours = Number.NaN, theirs = Number.NaN]) => ratioOf(ours, theirs));
    const ratio = spreads.length > 1 ? spreadOf(ratios) : undefined;
    return { group: group.name, metric, spreads, ratio };
  });
}

/** Growth may be nothing or negative, and then no multiple says how much better one is. */
const ratioOf = (ours: number, theirs: number) =>
  ours > 0 && theirs > 0 ? ours / theirs : Number.NaN;

/** Columns: what, unit, each server's median and spread, and their ratio with its spread. */
export function tableOf(labels: readonly string[], rows: readonly Row[]): Cells {
  const header = ["metric", "unit", ...labels, ...(labels.length > 1 ? ["ratio", "better"] : [])];
  const lines = rows.map(({ group, metric, spreads, ratio }) => [
    `${group}: ${metric.name}`,
    metric.unit,
    ...spreads.map(spreadText),
    ...(ratio ? [spreadText(ratio), betterOf(metric, ratio, labels)] : []),
  ]);
  return [header, ...lines];
}

function spreadText({ median, least, most }: Spread): string {
  return least < most ? `${short(median)} (${short(least)} to ${short(most)})` : short(median);
}

function betterOf(metric: Metric, ratio: Spread, [first = "", second = ""]: readonly string[]) {
  const verdict = verdictOf(metric, ratio);
  return { better: first, worse: second, "=": "=", "-": "-" }[verdict];
}

/** About the first server. Rounds that disagree about who is better decide nothing. */
export function verdictOf(metric: Metric, ratio: Spread): Verdict {
  if (Number.isNaN(ratio.median)) return "-";
  if (ratio.least <= 1 && ratio.most >= 1) return "=";
  return ratio.median < 1 === (metric.better === "lower") ? "better" : "worse";
}
