/** Drawings as text. No package is needed for lines, boxes and words. */

type Attributes = Readonly<Record<string, string | number>>;

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", '"': "&quot;" };

const escapeText = (text: string) => text.replace(/[&<"]/g, (mark) => escapes[mark] ?? mark);

export function element(name: string, attributes: Attributes, content = ""): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === "number" ? round(value) : escapeText(value)}"`,
  );
  return `<${name}${written.join("")}>${content}</${name}>\n`;
}

const round = (value: number) => Number(value.toFixed(1));

export const line = (x1: number, y1: number, to: { x: number; y: number; style: string }) =>
  element("line", { x1, y1, x2: to.x, y2: to.y, class: to.style });

export interface Words {
  readonly x: number;
  readonly y: number;
  readonly words: string;
  readonly style?: string;
  readonly anchor?: "start" | "middle" | "end";
}

export const text = ({ x, y, words, style = "words", anchor = "start" }: Words) =>
  element("text", { x, y, class: style, "text-anchor": anchor }, escapeText(words));

/** A picture follows the reader's colours, and brings its own paper, so that it stands anywhere. */
const styles = `
text { font: 12px system-ui, sans-serif; }
.title { font-size: 16px; font-weight: 600; }
.paper { fill: #ffffff; } .words, .title { fill: #1f2328; } .faint { fill: #59636e; }
.grid { stroke: #d1d9e0; } .axis { stroke: #59636e; } .band { fill: #eef1f4; }
.better { fill: #1a7f64; stroke: #1a7f64; } .worse { fill: url(#hatch); stroke: #b3400e; }
.even { fill: #ffffff; stroke: #59636e; } .hatch { stroke: #b3400e; stroke-width: 3; }
.whisker { stroke: #1f2328; stroke-width: 1.5; } .curve { stroke: #0b62b8; } .dot { fill: #0b62b8; }
.curve, .bent { fill: none; stroke-width: 2; } .bent { stroke: #b3400e; stroke-dasharray: 6 3; }
.bent-dot { fill: #b3400e; } .alarm { fill: #b3400e; font-weight: 600; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } .words, .title { fill: #e6edf3; } .faint { fill: #9da7b1; }
.grid { stroke: #30363d; } .axis { stroke: #9da7b1; } .band { fill: #1a212a; }
.better { fill: #2ea98a; stroke: #2ea98a; } .worse { stroke: #ff9a62; }
.even { fill: #0d1117; stroke: #9da7b1; } .hatch { stroke: #ff9a62; }
.whisker { stroke: #e6edf3; } .curve { stroke: #6cb4ff; } .dot { fill: #6cb4ff; }
.bent { stroke: #ff9a62; } .bent-dot, .alarm { fill: #ff9a62; }
}
`;

const hatch = element(
  "pattern",
  { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
  element("path", { d: "M-1 7 L7 -1", class: "hatch" }),
);

export interface Page {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** Lines under the title. */
  readonly notes: readonly string[];
  readonly body: string;
}

/** Height of a page's head; the body is drawn below it. */
export const headHeight = (notes: readonly string[]) => 44 + notes.length * 16;

export function page({ width, height, title, notes, body }: Page): string {
  const head = [
    text({ x: 16, y: 28, words: title, style: "title" }),
    ...notes.map((words, at) =>
      text({ x: 16, y: 48 + at * 16, words: cut(words, width), style: "faint" }),
    ),
  ];
  const viewBox = `0 0 ${width} ${height}`;
  const content = [
    element("title", {}, escapeText(title)),
    element("style", {}, styles),
    element("defs", {}, hatch),
    element("rect", { width: "100%", height: "100%", class: "paper" }),
    ...head,
    body,
  ].join("");
  return element(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", viewBox, width, height, role: "img" },
    `\n${content}`,
  );
}

/** About seven pixels are one letter. */
function cut(words: string, width: number): string {
  const most = Math.floor((width - 32) / 6.6);
  return words.length > most ? `${words.slice(0, most - 1)}…` : words;
}
