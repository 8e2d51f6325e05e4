import { median, timesOf } from "../figures.ts";
import type { Group } from "../group.ts";

/** One small request after another. */
export const requests: Group = {
  name: "requests",
  rounds: 5,
  metrics: [
    { name: "environment/info p50", unit: "ms", better: "lower" },
    { name: "fs/getMetadata p50", unit: "ms", better: "lower" },
    { name: "64 in flight", unit: "requests/s", better: "higher" },
  ],
  async measure(target, effort) {
    const client = await target.open();
    const count = Math.ceil(500 * effort);
    const getMetadata = () => client.call("fs/getMetadata", { path: "file:///etc/hostname" });
    const info = await timesOf(count, () => client.call("environment/info", {}));
    const metadata = await timesOf(count, getMetadata);
    const rate = await ratePerSecond(count * 8, getMetadata);
    client.close();
    return {
      "environment/info p50": median(info),
      "fs/getMetadata p50": median(metadata),
      "64 in flight": rate,
    };
  },
};

async function ratePerSecond(count: number, request: () => Promise<unknown>): Promise<number> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await request();
  };
  const before = performance.now();
  await Promise.all(Array.from({ length: 64 }, lane));
  return count / ((performance.now() - before) / 1000);
}
