import type { BenchClient } from "../client.ts";
import type { Group } from "../group.ts";

/** Bulk output, in decoded bytes until the process is closed. */
export const output: Group = {
  name: "output",
  rounds: 3,
  metrics: [
    { name: "zeros, pipe", unit: "MB/s", better: "higher" },
    { name: "zeros, pty", unit: "MB/s", better: "higher" },
  ],
  async measure(target, effort) {
    const client = await target.open();
    const pipe = await zerosPerSecond(client, Math.ceil(256 * effort), false);
    const pty = await zerosPerSecond(client, Math.ceil(64 * effort), true);
    client.close();
    return { "zeros, pipe": pipe, "zeros, pty": pty };
  },
};

async function zerosPerSecond(client: BenchClient, mib: number, tty: boolean): Promise<number> {
  const wanted = mib * 1024 * 1024;
  let received = 0;
  const onOutput = (bytes: number) => {
    received += bytes;
  };
  const head = ["/usr/bin/head", "-c", String(wanted), "/dev/zero"];
  const zeros = await client.start(head, { tty, onOutput });
  const seconds = ((await zeros.closed) - zeros.startedAt) / 1000;
  if (received !== wanted) throw new Error(`${wanted - received} of ${wanted} bytes were lost`);
  return received / 1e6 / seconds;
}
