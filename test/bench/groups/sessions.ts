import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import type { BenchClient } from "../client.ts";
import { pathOf } from "../folder.ts";
import { type Group, lower } from "../group.ts";
import { inLanes, msOf, sleep } from "../timing.ts";

/** Two hundred connections, each with a session, and a question of each that waits. */
export const sessions: Group = {
  name: "sessions",
  rounds: 2,
  metrics: [lower("opened, each"), lower("RSS each", "KB"), lower("200 long polls woken")],
  fresh: true,
  async measure(server, effort) {
    const { family } = await server.settle();
    const count = Math.ceil(200 * effort);
    const residentKb = family.residentKb();
    const before = performance.now();
    const clients = await inLanes(count, 20, () => server.open());
    const openedMs = (performance.now() - before) / count;
    await sleep(200);
    const residentEachKb = (family.residentKb() - residentKb) / count;
    return {
      "opened, each": openedMs,
      "RSS each": residentEachKb,
      "200 long polls woken": ((await wakeAllMs(clients)) / count) * 200,
    };
  },
};

let pipes = 0;

/** Processes read one named pipe; opened and closed by its writer, it ends them all. */
async function wakeAllMs(clients: readonly BenchClient[]): Promise<number> {
  pipes += 1;
  const pipe = pathOf(`wake-${pipes}`);
  execFileSync("mkfifo", [pipe]);
  const all = await inLanes(clients.length, 20, async (index) => {
    const client = clients[index];
    const cat = await client?.start(["/bin/sh", "-c", `printf x; read line < '${pipe}'; echo y`]);
    await cat?.firstOutput;
    return { client, processId: cat?.processId };
  });
  const polls = all.map(({ client, processId }) =>
    client?.call("process/read", { processId, afterSeq: 1, waitMs: 20_000 }),
  );
  await sleep(300);
  return msOf(async () => {
    await writeFile(pipe, "");
    await Promise.all(polls);
  });
}
