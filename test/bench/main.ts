import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compare } from "./compare.ts";
import { groups } from "./groups.ts";
import { runNotes } from "./machine.ts";
import { ratioPlot } from "./ratio-plot.ts";
import { tableOf } from "./report.ts";
import { axes } from "./scaling/axes.ts";
import { scalingPlot } from "./scaling/plot.ts";
import { scalingTable } from "./scaling/report.ts";
import { measureScaling } from "./scaling/scaling.ts";
import { type Cells, tableMarkdown, tableText } from "./table.ts";
import { targetOf, thisTarget } from "./target.ts";

const usage = `npm run bench -- [options]

  --against 'COMMAND'  measure another server too, in alternating rounds, and print ratios
  --scaling            measure how costs grow with the work instead, of this server
                       (or of the other, when --against names one)
  --only NAME,...      ${groups.map(({ name }) => name).join(", ")};
                       with --scaling: ${axes.map(({ name }) => name).join(", ")}
  --rounds N           rounds of each group
  --quick              a tenth of the work, for trying things out
  --json FILE          write the figures of every round
  --svg FILE           draw the ratios, or the growth of costs
  --markdown FILE      write the table for a README, with machine, date and command

COMMAND starts a server and prints its URL, such as
'codex exec-server --listen ws://127.0.0.1:0'. Ratios: this server's figure divided by the other's.
Build first (npm run build): without a build the sources are run, which start much later.
`;

const { values: options } = parseArgs({
  options: {
    against: { type: "string" },
    scaling: { type: "boolean", default: false },
    only: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    svg: { type: "string" },
    markdown: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const effort = {
  rounds: options.rounds === undefined ? undefined : Number(options.rounds),
  quick: options.quick,
};
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

if (options.help) process.stdout.write(usage);
else if (options.scaling) await scale();
else await measure();
// A server that hangs may have left something to wait for.
process.exit();

async function measure(): Promise<void> {
  const other = options.against === undefined ? [] : [targetOf("against", options.against)];
  const targets = [thisTarget(), ...other];
  const { rows, rounds } = await compare(wantedOf(groups), targets, effort);
  const labels = targets.map(({ label }) => label);
  const heading = [runNotes(), ...targets.map(({ label, shown }) => `${label}: ${shown}`)];
  tell(tableOf(labels, rows), heading);
  write(options.json, () => JSON.stringify({ heading, labels, rows, rounds }, null, 1));
  write(options.svg, () => ratioPlot(rows, heading));
}

async function scale(): Promise<void> {
  const target =
    options.against === undefined ? thisTarget() : targetOf("against", options.against);
  const rows = await measureScaling(wantedOf(axes), target, effort);
  const heading = [runNotes(), target.shown];
  tell(scalingTable(rows), heading);
  write(options.json, () => JSON.stringify({ heading, rows }, null, 1));
  write(options.svg, () => scalingPlot(rows, heading));
}

function wantedOf<T extends { readonly name: string }>(all: readonly T[]): readonly T[] {
  const names = options.only?.split(",") ?? all.map(({ name }) => name);
  const unknown = names.find((wanted) => !all.some(({ name }) => name === wanted));
  if (unknown !== undefined)
    throw new Error(`--only ${unknown}: see --help for the names there are`);
  return all.filter(({ name }) => names.includes(name));
}

function tell(table: Cells, heading: readonly string[]): void {
  process.stdout.write(tableText(table));
  const command = `\`npm run bench -- ${process.argv.slice(2).map(quoted).join(" ")}\``;
  write(options.markdown, () => tableMarkdown(table, [...heading, command]));
}

function quoted(word: string): string {
  return /^[\w./:=,-]+$/.test(word) ? word : `'${word}'`;
}

function write(path: string | undefined, content: () => string): void {
  if (path !== undefined) writeFileSync(path, content());
}
