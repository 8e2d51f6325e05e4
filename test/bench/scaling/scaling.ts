import type { Effort } from "../compare.ts";
import { spreadOf } from "../figures.ts";
import type { Figures } from "../group.ts";
import type { Target } from "../target.ts";
import { within } from "../timing.ts";
import type { Axis, Cost } from "./axis.ts";

const measureMsMax = 180_000;
const roundsDefault = 3;

export interface ScalingRow {
  readonly axis: string;
  readonly counted: string;
  readonly cost: Cost;
  readonly sizes: readonly number[];
  /** The cost at each size: the least of the rounds, for a machine with other work only adds. */
  readonly values: readonly number[];
}

/** A quick run leaves the largest size out, and measures once. */
export async function measureScaling(
  axes: readonly Axis[],
  target: Target,
  { rounds, quick }: Effort,
): Promise<ScalingRow[]> {
  const rows: ScalingRow[] = [];
  for (const axis of axes) {
    const sizes = quick ? axis.sizes.slice(0, -1) : axis.sizes;
    const count = rounds ?? (quick ? 1 : roundsDefault);
    const taken = await measureAxis({ ...axis, sizes }, target, count);
    rows.push(...axis.costs.map((cost) => rowOf({ ...axis, sizes }, cost, taken)));
  }
  return rows;
}

/** The figures of each size, round by round; sizes take turns, as the machine may change. */
async function measureAxis(axis: Axis, target: Target, rounds: number): Promise<Figures[][]> {
  const taken: Figures[][] = axis.sizes.map(() => []);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [at, size] of axis.sizes.entries()) {
      process.stderr.write(`${axis.name}: round ${round} of ${rounds}, ${size} ${axis.counted}\n`);
      taken[at]?.push(await measureOnce(axis, target, size));
    }
  }
  return taken;
}

async function measureOnce(axis: Axis, target: Target, size: number): Promise<Figures> {
  const server = await target.launch();
  try {
    return await within(measureMsMax, axis.name, axis.measure(server, size));
  } catch (error) {
    process.stderr.write(`${axis.name} at ${size}: ${error}\n`);
    return {};
  } finally {
    await server.stop();
  }
}

function rowOf(axis: Axis, cost: Cost, taken: readonly (readonly Figures[])[]): ScalingRow {
  const values = taken.map(
    (figures) => spreadOf(figures.map((one) => one[cost.name] ?? Number.NaN)).least,
  );
  return { axis: axis.name, counted: axis.counted, cost, sizes: axis.sizes, values };
}
