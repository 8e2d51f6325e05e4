import { type Spread, spreadOf } from "./figures.ts";
import type { Figures, Group, Metric } from "./group.ts";

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

export function rowsOf(group: Group, rounds: readonly Round[]): Row[] {
  return group.metrics.map((metric) => {
    const figures = (round: Round) => round.map((figure) => figure[metric.name] ?? Number.NaN);
    const all = rounds.map(figures);
    const spreads = (all[0] ?? []).map((_, server) =>
      spreadOf(all.map((values) => values[server] ?? Number.NaN)),
    );
    const ratios = all.map(([ours = Number.NaN, theirs = Number.NaN]) => ours / theirs);
    const ratio = spreads.length > 1 ? spreadOf(ratios) : undefined;
    return { group: group.name, metric, spreads, ratio };
  });
}

/** Columns: what, unit, each server's median and spread, and their ratio with its spread. */
export function tableOf(labels: readonly string[], rows: readonly Row[]): string {
  const header = ["metric", "unit", ...labels, ...(labels.length > 1 ? ["ratio", "better"] : [])];
  const lines = rows.map(({ group, metric, spreads, ratio }) => [
    `${group}: ${metric.name}`,
    metric.unit,
    ...spreads.map(spreadText),
    ...(ratio ? [spreadText(ratio), verdict(metric, ratio, labels)] : []),
  ]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...lines].map((line) => line[column]?.length ?? 0)),
  );
  const format = (line: readonly string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [format(header), format(widths.map((width) => "-".repeat(width))), ...lines.map(format)]
    .map((line) => `${line}\n`)
    .join("");
}

const spreadText = ({ median, least, most }: Spread) =>
  `${short(median)} (${short(least)} to ${short(most)})`;

const short = (value: number) =>
  value >= 1000 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();

/** Rounds that disagree about who is better decide nothing. */
function verdict(metric: Metric, ratio: Spread, labels: readonly string[]): string {
  if (ratio.least <= 1 && ratio.most >= 1) return "=";
  return ratio.median < 1 === (metric.better === "lower") ? (labels[0] ?? "") : (labels[1] ?? "");
}
