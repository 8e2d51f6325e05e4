import { median } from "../figures.ts";
import { type Group, lower } from "../group.ts";
import { readAll } from "../retained.ts";
import type { BenchServer } from "../server.ts";
import { inLanes, sleep } from "../timing.ts";

/** A connection that broke: from the new one to everything a process has printed. */
export const resume: Group = {
  name: "resume",
  rounds: 4,
  metrics: [lower("session resumed, p50"), lower("1 MiB of output read, p50")],
  async measure(server, effort) {
    const all = await inLanes(Math.ceil(5 * effort), 1, () => resumeOnce(server));
    return {
      "session resumed, p50": median(all.map(({ resumedMs }) => resumedMs)),
      "1 MiB of output read, p50": median(all.map(({ readMs }) => readMs)),
    };
  },
};

async function resumeOnce(server: BenchServer) {
  const client = await server.open();
  const zeros = await client.start(["/usr/bin/head", "-c", String(2 ** 20), "/dev/zero"]);
  await zeros.closed;
  client.close();
  await sleep(60);
  const before = performance.now();
  const resumed = await server.open(client.sessionId);
  const resumedMs = performance.now() - before;
  await readAll(resumed, zeros.processId);
  return { resumedMs, readMs: performance.now() - before };
}
