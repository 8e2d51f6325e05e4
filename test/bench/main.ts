import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Figures, Group } from "./group.ts";
import { output } from "./groups/output.ts";
import { processes } from "./groups/processes.ts";
import { requests } from "./groups/requests.ts";
import { start } from "./groups/start.ts";
import { terminal } from "./groups/terminal.ts";
import { type Round, type Row, rowsOf, tableOf } from "./report.ts";
import { createTarget, type Target } from "./target.ts";

const groups: readonly Group[] = [start, requests, processes, terminal, output];

const usage = `npm run bench -- [options]

  --against 'COMMAND'  measure another server too, in alternating rounds, and print ratios
  --only GROUP,...     ${groups.map(({ name }) => name).join(", ")}
  --rounds N           rounds of each group
  --quick              a few seconds instead of a minute, for trying things out
  --json FILE          write the figures of every round

COMMAND starts a server and prints its URL, such as
'codex exec-server --listen ws://127.0.0.1:0'. Ratios: this server's figure divided by the other's.
Build first (npm run build): without a build the sources are run, which start much later.
`;

const { values: options } = parseArgs({
  options: {
    against: { type: "string" },
    only: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (options.help) process.stdout.write(usage);
else await measureAll(groups.filter(isWanted));

function isWanted({ name }: Group): boolean {
  return options.only === undefined || options.only.split(",").includes(name);
}

async function measureAll(wanted: readonly Group[]): Promise<void> {
  const targets = createTargets();
  const rows: Row[] = [];
  const rounds: Record<string, readonly Round[]> = {};
  try {
    for (const group of wanted) {
      const taken = await measureGroup(group, targets);
      rounds[group.name] = taken;
      rows.push(...rowsOf(group, taken));
    }
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
  const labels = targets.map(({ label }) => label);
  process.stdout.write(tableOf(labels, rows));
  if (options.json) writeFileSync(options.json, JSON.stringify({ labels, rows, rounds }, null, 1));
}

function createTargets(): Target[] {
  const bin = fileURLToPath(new URL("../../bin/codex.js", import.meta.url));
  const ours = `'${process.execPath}' '${bin}' exec-server --listen ws://127.0.0.1:0`;
  const other = options.against === undefined ? [] : [createTarget("against", options.against)];
  return [createTarget("this", ours), ...other];
}

/** Servers take turns within a round, so that a machine that slows down hits both. */
async function measureGroup(group: Group, targets: readonly Target[]): Promise<Round[]> {
  const count = Number(options.rounds ?? (options.quick ? 2 : group.rounds));
  const rounds: Round[] = [];
  for (let round = 1; round <= count; round += 1) {
    const figures: Figures[] = [];
    for (const target of targets) {
      process.stderr.write(`${group.name}: round ${round} of ${count}, ${target.label}\n`);
      figures.push(await group.measure(target, options.quick ? 0.1 : 1));
    }
    rounds.push(figures);
  }
  return rounds;
}
