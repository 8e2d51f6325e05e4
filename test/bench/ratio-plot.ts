import { short } from "./figures.ts";
import { type Row, verdictOf } from "./report.ts";
import { element, headHeight, line, page, text } from "./svg.ts";

const width = 960;
const rowHeight = 20;
const left = 330;
const right = 780;

interface Bar {
  readonly name: string;
  readonly style: "better" | "worse" | "even";
  /** How many times better, and the least and the most; below 1 is worse. */
  readonly factor: number;
  readonly least: number;
  readonly most: number;
  readonly words: string;
}

/** Bars to the right are of figures in which the first server is better, whatever their unit. */
export function ratioPlot(rows: readonly Row[], heading: readonly string[]): string {
  const bars = rows.map(barOf).filter((bar) => bar !== undefined);
  const notes = [
    ...heading,
    "Bar: median of the rounds (ratio in brackets); line: least to most. Solid: always better; " +
      "hatched: always worse; hollow: rounds disagree.",
  ];
  const top = headHeight(notes) + 24;
  const bottom = top + bars.length * rowHeight;
  const scale = scaleOf(bars);
  const body = [
    ...grid(scale, top, bottom),
    ...bars.map((bar, at) => drawBar(bar, top + at * rowHeight, scale)),
  ];
  const title = "exec-server: how many times better than the other server";
  return page({ width, height: bottom + 16, title, notes, body: body.join("") });
}

function barOf({ group, metric, ratio }: Row): Bar | undefined {
  if (metric.basis || !ratio || Number.isNaN(ratio.median)) return undefined;
  const better =
    metric.better === "lower" ? (value: number) => 1 / value : (value: number) => value;
  const factor = better(ratio.median);
  const ends = [better(ratio.least), better(ratio.most)];
  const verdict = verdictOf(metric, ratio);
  const style = verdict === "better" || verdict === "worse" ? verdict : "even";
  const times = style === "even" ? "even" : `${short(style === "worse" ? 1 / factor : factor)}x`;
  return {
    name: `${group}: ${metric.name}`,
    style,
    factor,
    least: Math.min(...ends),
    most: Math.max(...ends),
    words: `${times}${style === "even" ? "" : ` ${style}`} (${short(ratio.median)})`,
  };
}

interface Scale {
  readonly lowest: number;
  readonly highest: number;
  at(factor: number): number;
}

/** Whole decades, and never less than one to each side. */
function scaleOf(bars: readonly Bar[]): Scale {
  const lowest = Math.min(-1, ...bars.map(({ least }) => Math.floor(Math.log10(least))));
  const highest = Math.max(1, ...bars.map(({ most }) => Math.ceil(Math.log10(most))));
  const decade = (right - left) / (highest - lowest);
  return { lowest, highest, at: (factor) => left + (Math.log10(factor) - lowest) * decade };
}

function grid({ lowest, highest, at }: Scale, top: number, bottom: number): string[] {
  const decades = Array.from(
    { length: highest - lowest + 1 },
    (_, index) => 10 ** (lowest + index),
  );
  return decades.map((factor) => {
    const x = at(factor);
    return (
      line(x, top, { x, y: bottom, style: factor === 1 ? "axis" : "grid" }) +
      text({ x, y: top - 8, words: scaleWords(factor), style: "faint", anchor: "middle" })
    );
  });
}

/** The sides are named at the first step to each; further steps have no room for it. */
function scaleWords(factor: number): string {
  if (factor === 1) return "same";
  if (factor < 1) return `${short(1 / factor)}x${factor === 0.1 ? " worse" : ""}`;
  return `${short(factor)}x${factor === 10 ? " better" : ""}`;
}

function drawBar(bar: Bar, y: number, { at }: Scale): string {
  const [from, to] = [Math.min(at(1), at(bar.factor)), Math.max(at(1), at(bar.factor))];
  const middle = y + rowHeight / 2;
  const box = { x: from, y: y + 4, width: Math.max(1, to - from), height: rowHeight - 8 };
  return [
    text({ x: left - 10, y: middle + 4, words: bar.name, anchor: "end" }),
    element("rect", { ...box, class: bar.style }),
    line(at(bar.least), middle, { x: at(bar.most), y: middle, style: "whisker" }),
    text({ x: right + 10, y: middle + 4, words: bar.words }),
  ].join("");
}
