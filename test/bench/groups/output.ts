import type { BenchClient } from "../client.ts";
import { type Figures, type Group, higher, lower } from "../group.ts";
import type { Family } from "../process-family.ts";
import { inLanes } from "../timing.ts";

/** Bulk output, in decoded bytes until the process is closed, and what it costs the server. */
export const output: Group = {
  name: "output",
  rounds: 3,
  metrics: [
    higher("zeros, pipe", "MB/s"),
    higher("lines, pipe", "MB/s"),
    higher("zeros, 8 pipes at once", "MB/s"),
    higher("zeros, pty", "MB/s"),
    higher("lines, pty", "MB/s"),
    lower("CPU for 256 MiB, zeros, pipe"),
    lower("peak RSS, pipe", "MB"),
    lower("peak RSS, 8 pipes at once", "MB"),
    lower("peak RSS, pty", "MB"),
  ],
  fresh: true,
  async measure(server, effort) {
    const { client, family } = await server.settle();
    const mib = Math.ceil(256 * effort);
    const count = Math.ceil(4e6 * effort);
    const cpuBeforeMs = family.cpuMs();
    const pipe = await zeros(client, mib);
    const cpuMs = ((family.cpuMs() - cpuBeforeMs) / mib) * 256;
    return {
      "zeros, pipe": pipe,
      "CPU for 256 MiB, zeros, pipe": cpuMs,
      "lines, pipe": await lines(client, count),
      ...(await atOnce(client, family, mib)),
      ...(await onTerminal(client, family, { mib: mib / 4, lines: count / 4 })),
    };
  },
};

async function atOnce(client: BenchClient, family: Family, mib: number): Promise<Figures> {
  const peakOfOneKb = family.peakKb();
  family.resetPeak();
  const before = performance.now();
  await inLanes(8, 8, () => zeros(client, mib / 8));
  return {
    "peak RSS, pipe": peakOfOneKb / 1024,
    "zeros, 8 pipes at once": (mib * 2 ** 20) / 1000 / (performance.now() - before),
    "peak RSS, 8 pipes at once": family.peakKb() / 1024,
  };
}

interface Amount {
  readonly mib: number;
  readonly lines: number;
}

async function onTerminal(client: BenchClient, family: Family, amount: Amount): Promise<Figures> {
  family.resetPeak();
  return {
    "zeros, pty": await zeros(client, amount.mib, true),
    "lines, pty": await lines(client, amount.lines, true),
    "peak RSS, pty": family.peakKb() / 1024,
  };
}

async function zeros(client: BenchClient, mib: number, tty = false): Promise<number> {
  const wanted = Math.ceil(mib * 2 ** 20);
  const { bytes, rate } = await flood(
    client,
    ["/usr/bin/head", "-c", `${wanted}`, "/dev/zero"],
    tty,
  );
  if (bytes !== wanted) throw new Error(`${wanted - bytes} of ${wanted} bytes were lost`);
  return rate;
}

async function lines(client: BenchClient, count: number, tty = false): Promise<number> {
  return (await flood(client, ["/usr/bin/seq", "1", `${Math.ceil(count)}`], tty)).rate;
}

/** The rate is in megabytes of output in a second. */
async function flood(client: BenchClient, argv: readonly string[], tty: boolean) {
  let bytes = 0;
  const onOutput = (more: number) => {
    bytes += more;
  };
  const ms = await client.run(argv, { tty, onOutput });
  return { bytes, rate: bytes / 1000 / ms };
}
