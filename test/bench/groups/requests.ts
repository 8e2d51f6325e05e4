import type { BenchClient } from "../client.ts";
import { median } from "../figures.ts";
import { fileOf, uriOf } from "../folder.ts";
import { type Group, higher, lower } from "../group.ts";
import type { BenchServer } from "../server.ts";
import { inLanes, msOf, timesOf } from "../timing.ts";

/** Small requests: one after another, many at once, and behind one that waits. */
export const requests: Group = {
  name: "requests",
  rounds: 5,
  metrics: [
    lower("environment/info p50"),
    lower("fs/getMetadata p50"),
    higher("64 in flight", "requests/s"),
    lower("CPU for 1,000"),
    higher("10 connections, 6 in flight", "requests/s"),
    lower("behind a long poll"),
  ],
  async measure(server, effort) {
    const client = await server.open();
    const count = Math.ceil(1000 * effort);
    const info = await timesOf(count, () => client.ask("environment/info", "{}"));
    const metadata = await timesOf(count, () => metadataOf(client));
    return {
      "environment/info p50": median(info),
      "fs/getMetadata p50": median(metadata),
      ...(await pipelined(server, client, count * 10)),
      "10 connections, 6 in flight": await rateOfTen(server, count),
      "behind a long poll": await behindLongPollMs(client),
    };
  },
};

export function metadataOf(client: BenchClient): Promise<Buffer> {
  return client.ask("fs/getMetadata", `{"path":"${uriOf(fileOf(1024))}"}`);
}

async function pipelined(server: BenchServer, client: BenchClient, count: number) {
  const family = server.family();
  const cpuBeforeMs = family.cpuMs();
  const ms = await msOf(() => inLanes(count, 64, () => metadataOf(client)));
  return {
    "64 in flight": count / (ms / 1000),
    "CPU for 1,000": ((family.cpuMs() - cpuBeforeMs) * 1000) / count,
  };
}

async function rateOfTen(server: BenchServer, each: number): Promise<number> {
  const clients = await inLanes(10, 1, () => server.open());
  const flood = (client: BenchClient) => inLanes(each, 6, () => metadataOf(client));
  const ms = await msOf(() => Promise.all(clients.map(flood)));
  return (each * clients.length) / (ms / 1000);
}

async function behindLongPollMs(client: BenchClient): Promise<number> {
  const process = await client.start(["/bin/sleep", "60"]);
  const poll = client.call("process/read", { processId: process.processId, waitMs: 700 });
  const ms = await msOf(() => metadataOf(client));
  await poll;
  await client.terminate(process);
  return ms;
}
