import type { BenchClient } from "../client.ts";
import { median } from "../figures.ts";
import { type Group, lower } from "../group.ts";
import { sleep, timesOf } from "../timing.ts";

/** A key in a terminal and its echo back. */
export const terminal: Group = {
  name: "terminal",
  rounds: 4,
  metrics: [
    lower("echo of a key, p50"),
    lower("beside a flood of this connection, p50"),
    lower("beside a flood of another connection, p50"),
  ],
  async measure(server, effort) {
    const [client, other] = [await server.open(), await server.open()];
    const alone = await echoMs(client, Math.ceil(150 * effort));
    const endless = await client.start(["/bin/cat", "/dev/zero"]);
    await sleep(200);
    const beside = await echoMs(client, Math.ceil(60 * effort));
    const behind = await echoMs(other, Math.ceil(60 * effort));
    await client.terminate(endless);
    return {
      "echo of a key, p50": alone,
      "beside a flood of this connection, p50": beside,
      "beside a flood of another connection, p50": behind,
    };
  },
};

async function echoMs(client: BenchClient, count: number): Promise<number> {
  let onEcho = () => {};
  // Raw, so that the end of a line has no meaning and nothing but the echo comes back.
  const script = "stty raw -echo; printf ready; exec cat";
  const cat = await client.start(["/bin/sh", "-c", script], {
    tty: true,
    onOutput: () => onEcho(),
  });
  await cat.firstOutput;
  const times = await timesOf(count, async (index) => {
    const echoed = new Promise<void>((resolve) => {
      onEcho = resolve;
    });
    const write = { processId: cat.processId, chunk: "YQ==", writeId: `key-${index}` };
    await Promise.all([client.call("process/write", write), echoed]);
  });
  await client.terminate(cat);
  return median(times);
}
