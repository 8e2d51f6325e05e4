import type { BenchClient } from "../client.ts";
import { median } from "../figures.ts";
import { type Group, lower } from "../group.ts";
import { timesOf } from "../timing.ts";

/** Short commands, from the request to its answer, their first byte and their end. */
export const processes: Group = {
  name: "processes",
  rounds: 4,
  metrics: [
    lower("echo answered, p50"),
    lower("/bin/true closed, pipe, p50"),
    lower("/bin/true closed, pty, p50"),
    lower("first byte of echo, p50"),
  ],
  async measure(server, effort) {
    const client = await server.open();
    const count = Math.ceil(60 * effort);
    const pipe = await timesOf(count, () => client.run(["/bin/true"]));
    const pty = await timesOf(count, () => client.run(["/bin/true"], { tty: true }));
    return {
      ...(await echoes(client, count)),
      "/bin/true closed, pipe, p50": median(pipe),
      "/bin/true closed, pty, p50": median(pty),
    };
  },
};

async function echoes(client: BenchClient, count: number) {
  const answers: number[] = [];
  const firstBytes: number[] = [];
  await timesOf(count, async () => {
    const echo = await client.start(["/bin/echo", "x"]);
    answers.push(echo.answeredAt - echo.startedAt);
    firstBytes.push((await echo.firstOutput) - echo.startedAt);
    await echo.closed;
  });
  return {
    "echo answered, p50": median(answers),
    "first byte of echo, p50": median(firstBytes),
  };
}
