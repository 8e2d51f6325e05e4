import { type Group, lower } from "../group.ts";
import { inLanes, msOf, sleep } from "../timing.ts";

/** Two thousand short commands, a quarter of them in terminals, and what remains of them. */
export const memory: Group = {
  name: "memory",
  rounds: 1,
  metrics: [
    lower("2,000 short commands"),
    lower("RSS more, a second later", "MB"),
    lower("RSS more, 35 s later", "MB"),
    lower("descriptors more, 35 s later", "descriptors"),
  ],
  fresh: true,
  async measure(server, effort) {
    const { client, family } = await server.settle();
    const count = Math.ceil(2000 * effort);
    const [residentKb, descriptors] = [family.residentKb(), family.descriptors()];
    const run = (index: number) => client.run(["/bin/echo", "x"], { tty: index % 4 === 0 });
    const ms = await msOf(() => inLanes(count, 16, run));
    await sleep(1000);
    const soonKb = family.residentKb() - residentKb;
    await sleep(34_000 * effort);
    return {
      "2,000 short commands": (ms / count) * 2000,
      "RSS more, a second later": soonKb / 1024,
      "RSS more, 35 s later": (family.residentKb() - residentKb) / 1024,
      "descriptors more, 35 s later": family.descriptors() - descriptors,
    };
  },
};
