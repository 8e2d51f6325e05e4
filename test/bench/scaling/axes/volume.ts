import { costOf } from "../../timing.ts";
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
    const residentKb = family.residentKb();
    const cost = await costOf(repeatsFor(size, 100), family, () => client.run(zeros));
    return {
      time: cost.ms / size,
      CPU: cost.cpuMs / size,
      "peak RSS": (family.peakKb() - residentKb) / size,
    };
  },
};
