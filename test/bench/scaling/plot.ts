import { short } from "../figures.ts";
import { element, headHeight, line, page, text } from "../svg.ts";
import { growthOf } from "./report.ts";
import type { ScalingRow } from "./scaling.ts";

const columns = 3;
const cell = { width: 320, height: 190 };
const plot = { left: 44, top: 44, width: 250, height: 110 };
/** The cost at a size, divided by the cost at the first: what is drawn lies between these. */
const [lowest, highest] = [1 / 30, 30];

/** One small drawing for each cost; in the band a cost is within twice of what it was at first. */
export function scalingPlot(rows: readonly ScalingRow[], heading: readonly string[]): string {
  const notes = [
    ...heading,
    "Cost of one, as a multiple of its cost at the smallest size. Band: within twice. Dashed and " +
      "marked: grows, or bends.",
  ];
  const top = headHeight(notes);
  const cells = rows.map((row, at) => {
    const x = (at % columns) * cell.width;
    const y = top + Math.floor(at / columns) * cell.height;
    return element("g", { transform: `translate(${x} ${y})` }, drawCost(row));
  });
  const height = top + Math.ceil(rows.length / columns) * cell.height + 8;
  const title = "exec-server: what one costs as there are more";
  return page({ width: columns * cell.width, height, title, notes, body: cells.join("") });
}

const yOf = (multiple: number) => {
  const clamped = Math.min(highest, Math.max(lowest, multiple));
  return plot.top + (plot.height * Math.log(highest / clamped)) / Math.log(highest / lowest);
};

function drawCost(row: ScalingRow): string {
  const growth = growthOf(row.values);
  const alarming = growth === "grows" || growth === "bends";
  const words = `${row.axis}: ${row.cost.name}`;
  return [
    text({ x: 16, y: 20, words, style: "words" }),
    text({ x: 16, y: 36, words: `${row.cost.unit}, by ${row.counted}`, style: "faint" }),
    text({
      x: plot.left + plot.width,
      y: 36,
      words: alarming ? `! ${growth}` : growth,
      style: alarming ? "alarm" : "faint",
      anchor: "end",
    }),
    band(),
    ...[0.1, 1, 10].map(gridLine),
    curve(row, alarming),
  ].join("");
}

function band(): string {
  const [y, end] = [yOf(2), yOf(0.5)];
  return element("rect", {
    x: plot.left,
    y,
    width: plot.width,
    height: end - y,
    class: "band",
  });
}

function gridLine(multiple: number): string {
  const y = yOf(multiple);
  return (
    line(plot.left, y, { x: plot.left + plot.width, y, style: "grid" }) +
    text({ x: plot.left - 6, y: y + 4, words: `${multiple}x`, style: "faint", anchor: "end" })
  );
}

function curve({ sizes, values }: ScalingRow, alarming: boolean): string {
  const first = values.find((value) => value > 0) ?? Number.NaN;
  const step = (plot.width - 40) / Math.max(1, sizes.length - 1);
  const all = sizes.map((size, at) => ({
    size,
    value: values[at] ?? 0,
    x: plot.left + 20 + at * step,
  }));
  const points = all
    .filter(({ value }) => value > 0)
    .map((point) => ({ ...point, y: yOf(point.value / first) }));
  const path = points.map(
    ({ x, y }, at) => `${at === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`,
  );
  return [
    element("path", { d: path.join(" "), class: alarming ? "bent" : "curve" }),
    ...points.flatMap(({ x, y, value }) => [
      element("circle", { cx: x, cy: y, r: 3.5, class: alarming ? "bent-dot" : "dot" }),
      text({ x, y: y - 8, words: short(value), anchor: "middle" }),
    ]),
    ...all.map(({ x, size }) => {
      const y = plot.top + plot.height + 20;
      return text({ x, y, words: short(size), style: "faint", anchor: "middle" });
    }),
  ].join("");
}
