import { median, timesOf } from "../figures.ts";
import type { Group } from "../group.ts";

/** Short commands, from the request to their first byte and to their end. */
export const processes: Group = {
  name: "processes",
  rounds: 5,
  metrics: [
    { name: "/bin/true closed, pipe, p50", unit: "ms", better: "lower" },
    { name: "/bin/true closed, pty, p50", unit: "ms", better: "lower" },
    { name: "first byte of echo, p50", unit: "ms", better: "lower" },
  ],
  async measure(target, effort) {
    const client = await target.open();
    const count = Math.ceil(60 * effort);
    const closed = async (tty: boolean) => (await client.start(["/bin/true"], { tty })).closed;
    const pipe = await timesOf(count, () => closed(false));
    const pty = await timesOf(count, () => closed(true));
    const firstBytes: number[] = [];
    await timesOf(count, async () => {
      const echo = await client.start(["/bin/echo", "x"]);
      firstBytes.push((await echo.firstOutput) - echo.startedAt);
      await echo.closed;
    });
    client.close();
    return {
      "/bin/true closed, pipe, p50": median(pipe),
      "/bin/true closed, pty, p50": median(pty),
      "first byte of echo, p50": median(firstBytes),
    };
  },
};
