import { median } from "../../figures.ts";
import { metadataOf } from "../../groups/requests.ts";
import { costOf, inLanes, sleep, timesOf } from "../../timing.ts";
import type { Axis } from "../axis.ts";

/** Connections, each with a session of its own. */
export const sessions: Axis = {
  name: "sessions",
  counted: "sessions",
  sizes: [2, 20, 200, 2000],
  costs: [
    { name: "open", unit: "ms each" },
    { name: "RSS", unit: "KB each" },
    { name: "fs/getMetadata beside them", unit: "ms" },
    { name: "/bin/true beside them", unit: "ms" },
    { name: "CPU of that", unit: "ms" },
  ],
  async measure(server, size) {
    const { client, family } = await server.settle();
    await inLanes(20, 20, async () => (await server.open()).close());
    await sleep(200);
    const residentKb = family.residentKb();
    const before = performance.now();
    await inLanes(size, 20, () => server.open());
    const openMs = performance.now() - before;
    await sleep(200);
    const residentEachKb = (family.residentKb() - residentKb) / size;
    const metadata = await timesOf(200, () => metadataOf(client));
    const other = await costOf(100, family, () => client.run(["/bin/true"]));
    return {
      open: openMs / size,
      RSS: residentEachKb,
      "fs/getMetadata beside them": median(metadata),
      "/bin/true beside them": other.ms,
      "CPU of that": other.cpuMs,
    };
  },
};
