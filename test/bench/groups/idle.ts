import type { BenchClient, Running } from "../client.ts";
import { type Group, lower } from "../group.ts";
import { inLanes, msOf, sleep } from "../timing.ts";

/** A thousand processes that do nothing. */
export const idle: Group = {
  name: "idle",
  rounds: 2,
  metrics: [
    lower("1,000 started"),
    lower("RSS each", "KB"),
    lower("descriptors each", "descriptors"),
    lower("1,000 terminated"),
  ],
  fresh: true,
  async measure(server, effort) {
    const { client, family } = await server.settle();
    const count = Math.ceil(1000 * effort);
    const [residentKb, descriptors] = [family.residentKb(), family.descriptors()];
    const before = performance.now();
    const all = await inLanes(count, 32, () => client.start(["/bin/sleep", "600"]));
    const startedMs = performance.now() - before;
    await sleep(200);
    const residentEachKb = (family.residentKb() - residentKb) / count;
    const descriptorsEach = (family.descriptors() - descriptors) / count;
    const terminatedMs = await msOf(() => terminateAll(client, all));
    return {
      "1,000 started": (startedMs / count) * 1000,
      "RSS each": residentEachKb,
      "descriptors each": descriptorsEach,
      "1,000 terminated": (terminatedMs / count) * 1000,
    };
  },
};

export async function terminateAll(client: BenchClient, all: readonly Running[]): Promise<void> {
  const left = [...all];
  await inLanes(all.length, 32, async () => {
    const next = left.pop();
    if (next) await client.terminate(next);
  });
}
