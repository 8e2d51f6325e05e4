import { median } from "../../figures.ts";
import { timesOf } from "../../timing.ts";
import { type Axis, repeatsFor } from "../axis.ts";

/** Output of one process through a pipe. */
export const volume: Axis = {
  name: "volume",
  counted: "MB of output",
  sizes: [1, 10, 100, 1000],
  costs: [
    { name: "time", unit: "ms/MB" },
    { name: "CPU", unit: "ms/MB" },
    { name: "peak RSS", unit: "KB/MB" },
  ],
  async measure(server, size) {
    const { client, family } = await server.settle();
    const zeros = ["/usr/bin/head", "-c", String(size * 1e6), "/dev/zero"];
    const repeats = repeatsFor(size, 100);
    const residentKb = family.residentKb();
    const cpuBeforeMs = family.cpuMs();
    const before = performance.now();
    const times =
      size < 100 ? await timesOf(repeats, () => client.run(zeros)) : [await client.run(zeros)];
    return {
      time: median(times) / size,
      CPU: ((family.cpuMs() - cpuBeforeMs) / (performance.now() - before)) * (median(times) / size),
      "peak RSS": (family.peakKb() - residentKb) / size,
    };
  },
};
