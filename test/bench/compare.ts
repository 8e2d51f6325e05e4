import type { Figures, Group } from "./group.ts";
import { type Round, type Row, rowsOf } from "./report.ts";
import type { Target } from "./target.ts";
import { within } from "./timing.ts";

const measureMsMax = 180_000;

export interface Comparison {
  readonly rows: readonly Row[];
  /** By group. */
  readonly rounds: Readonly<Record<string, readonly Round[]>>;
}

export interface Effort {
  /** Rounds of each group; its own number when absent. */
  readonly rounds: number | undefined;
  readonly quick: boolean;
}

export async function compare(
  groups: readonly Group[],
  targets: readonly Target[],
  effort: Effort,
): Promise<Comparison> {
  const rows: Row[] = [];
  const rounds: Record<string, readonly Round[]> = {};
  try {
    for (const group of groups) {
      const taken = await measureGroup(group, targets, effort);
      rounds[group.name] = taken;
      rows.push(...rowsOf(group, taken));
    }
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
  return { rows, rounds };
}

/** Servers take turns within a round, so that a machine that slows down hits both. */
async function measureGroup(group: Group, targets: readonly Target[], effort: Effort) {
  const count = effort.rounds ?? (effort.quick ? 2 : group.rounds);
  const taken: Round[] = [];
  for (let round = 1; round <= count; round += 1) {
    const figures: Figures[] = [];
    for (const target of targets) {
      process.stderr.write(`${group.name}: round ${round} of ${count}, ${target.label}\n`);
      figures.push(await measureOnce(group, target, effort.quick ? 0.1 : 1));
    }
    taken.push(figures);
  }
  return taken;
}

/** What one server cannot do costs its figures of this round, not everybody's of the run. */
async function measureOnce(group: Group, target: Target, effort: number): Promise<Figures> {
  const server = await (group.fresh ? target.launch() : target.shared());
  try {
    return await within(measureMsMax, group.name, group.measure(server, effort));
  } catch (error) {
    process.stderr.write(`${group.name}, ${target.label}: ${error}\n`);
    await target.stop();
    return {};
  } finally {
    server.closeClients();
    if (group.fresh) await server.stop();
  }
}
