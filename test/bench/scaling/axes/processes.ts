import type { BenchClient } from "../../client.ts";
import { median } from "../../figures.ts";
import type { Figures } from "../../group.ts";
import { terminateAll } from "../../groups/idle.ts";
import { metadataOf } from "../../groups/requests.ts";
import type { Family } from "../../process-family.ts";
import { costOf, inLanes, msOf, sleep, timesOf } from "../../timing.ts";
import { type Axis, repeatsFor } from "../axis.ts";

/** Processes that do nothing, and what others cost beside them. */
export const processes: Axis = {
  name: "processes",
  counted: "idle processes",
  sizes: [3, 30, 300, 3000],
  costs: [
    { name: "start", unit: "ms each" },
    { name: "CPU of the start", unit: "ms each" },
    { name: "RSS", unit: "KB each" },
    { name: "fs/getMetadata beside them", unit: "ms" },
    { name: "/bin/true beside them", unit: "ms" },
    { name: "CPU of that", unit: "ms" },
    { name: "terminate", unit: "ms each" },
  ],
  async measure(server, size) {
    const { client, family } = await server.settle();
    await timesOf(30, () => client.run(["/bin/true"]));
    const cycles = await inLanes(repeatsFor(size, 150) - 1, 1, () =>
      cycle({ client, family, size }),
    );
    await sleep(200);
    const residentKb = family.residentKb();
    const last = await cycle({
      client,
      family,
      size,
      meanwhile: async () => {
        await sleep(200);
        const residentEachKb = (family.residentKb() - residentKb) / size;
        const metadata = await timesOf(200, () => metadataOf(client));
        const other = await costOf(100, family, () => client.run(["/bin/true"]));
        return {
          RSS: residentEachKb,
          "fs/getMetadata beside them": median(metadata),
          "/bin/true beside them": other.ms,
          "CPU of that": other.cpuMs,
        };
      },
    });
    const all = [...cycles, last];
    return {
      ...last.between,
      start: median(all.map(({ startMs }) => startMs)) / size,
      "CPU of the start": all.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / all.length / size,
      terminate: median(all.map(({ terminateMs }) => terminateMs)) / size,
    };
  },
};

interface Cycle {
  readonly client: BenchClient;
  readonly family: Family;
  readonly size: number;
  /** Done while all of them run. */
  readonly meanwhile?: () => Promise<Figures>;
}

/** Starts and ends them all. */
async function cycle({ client, family, size, meanwhile }: Cycle) {
  const cpuBeforeMs = family.cpuMs();
  const before = performance.now();
  const all = await inLanes(size, 32, () => client.start(["/bin/sleep", "600"]));
  const startMs = performance.now() - before;
  const cpuMs = family.cpuMs() - cpuBeforeMs;
  const between = await meanwhile?.();
  const terminateMs = await msOf(() => terminateAll(client, all));
  return { startMs, cpuMs, between, terminateMs };
}
