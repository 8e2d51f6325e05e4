import { median } from "../../figures.ts";
import { terminateAll } from "../../groups/idle.ts";
import { metadataOf } from "../../groups/requests.ts";
import { costOf, inLanes, msOf, sleep, timesOf } from "../../timing.ts";
import type { Axis } from "../axis.ts";

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
    const residentKb = family.residentKb();
    const cpuBeforeMs = family.cpuMs();
    const before = performance.now();
    const all = await inLanes(size, 32, () => client.start(["/bin/sleep", "600"]));
    const startMs = performance.now() - before;
    const startCpuMs = family.cpuMs() - cpuBeforeMs;
    await sleep(200);
    const residentEachKb = (family.residentKb() - residentKb) / size;
    const metadata = await timesOf(200, () => metadataOf(client));
    const other = await costOf(100, family, () => client.run(["/bin/true"]));
    const terminateMs = await msOf(() => terminateAll(client, all));
    return {
      start: startMs / size,
      "CPU of the start": startCpuMs / size,
      RSS: residentEachKb,
      "fs/getMetadata beside them": median(metadata),
      "/bin/true beside them": other.ms,
      "CPU of that": other.cpuMs,
      terminate: terminateMs / size,
    };
  },
};
