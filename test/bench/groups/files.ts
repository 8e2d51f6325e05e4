import type { BenchClient } from "../client.ts";
import { median } from "../figures.ts";
import { fileOf, pathOf, uriOf } from "../folder.ts";
import { type Group, higher, lower } from "../group.ts";
import { inLanes, msOf, timesOf } from "../timing.ts";

const blockBytes = 2 ** 20;

/** The contents of files: small ones, and large ones as a whole and in blocks of 1 MiB. */
export const files: Group = {
  name: "files",
  rounds: 4,
  metrics: [
    lower("fs/readFile of 1 KiB, p50"),
    lower("fs/writeFile of 1 KiB, p50"),
    higher("fs/readFile of 64 MiB", "MB/s"),
    lower("peak RSS of that", "MB"),
    higher("fs/readBlock, one at a time", "MB/s"),
    higher("fs/readBlock, 8 in flight", "MB/s"),
    higher("fs/writeFile of 8 MiB", "MB/s"),
    higher("fs/writeBlock, one at a time", "MB/s"),
    higher("fs/writeBlock, 8 in flight", "MB/s"),
  ],
  fresh: true,
  async measure(server, effort) {
    const { client, family } = await server.settle();
    const blocks = Math.ceil(64 * effort);
    const small = await smallFiles(client, Math.ceil(400 * effort));
    family.resetPeak();
    const read = `{"path":"${uriOf(fileOf(blocks * blockBytes))}"}`;
    const wholeMs = await msOf(() => client.ask("fs/readFile", read));
    return {
      ...small,
      "fs/readFile of 64 MiB": megabytesPerSecond(blocks, wholeMs),
      "peak RSS of that": family.peakKb() / 1024,
      "fs/readBlock, one at a time": await readBlocks(client, blocks, 1),
      "fs/readBlock, 8 in flight": await readBlocks(client, blocks, 8),
      "fs/writeFile of 8 MiB": await writeFiles(client, Math.ceil(blocks / 8)),
      "fs/writeBlock, one at a time": await writeBlocks(client, blocks, 1),
      "fs/writeBlock, 8 in flight": await writeBlocks(client, blocks, 8),
    };
  },
};

const megabytesPerSecond = (blocks: number, ms: number) => (blocks * blockBytes) / 1000 / ms;

const base64Of = (bytes: number) => Buffer.alloc(bytes, "b").toString("base64");

async function smallFiles(client: BenchClient, count: number) {
  const read = `{"path":"${uriOf(fileOf(1024))}"}`;
  const write = `{"path":"${uriOf(pathOf("written-1k"))}","dataBase64":"${base64Of(1024)}"}`;
  return {
    "fs/readFile of 1 KiB, p50": median(
      await timesOf(count, () => client.ask("fs/readFile", read)),
    ),
    "fs/writeFile of 1 KiB, p50": median(
      await timesOf(count, () => client.ask("fs/writeFile", write)),
    ),
  };
}

async function readBlocks(client: BenchClient, blocks: number, inFlight: number): Promise<number> {
  const path = uriOf(fileOf(blocks * blockBytes));
  const handleId = `read-${inFlight}`;
  await client.call("fs/open", { handleId, path, mode: "read" });
  const ms = await msOf(() =>
    inLanes(blocks, inFlight, (index) =>
      client.ask("fs/readBlock", blockText(handleId, index, `"len":${blockBytes}`)),
    ),
  );
  await client.call("fs/close", { handleId });
  return megabytesPerSecond(blocks, ms);
}

async function writeFiles(client: BenchClient, count: number): Promise<number> {
  const path = uriOf(pathOf("written-8m"));
  const write = `{"path":"${path}","dataBase64":"${base64Of(8 * blockBytes)}"}`;
  const ms = await msOf(() => inLanes(count, 1, () => client.ask("fs/writeFile", write)));
  return megabytesPerSecond(count * 8, ms);
}

async function writeBlocks(client: BenchClient, blocks: number, inFlight: number): Promise<number> {
  const handleId = `write-${inFlight}`;
  await client.call("fs/open", { handleId, path: uriOf(pathOf(handleId)), mode: "replace" });
  const chunk = `"chunk":"${base64Of(blockBytes)}"`;
  const ms = await msOf(() =>
    inLanes(blocks, inFlight, (index) =>
      client.ask("fs/writeBlock", blockText(handleId, index, chunk)),
    ),
  );
  await client.call("fs/close", { handleId });
  return megabytesPerSecond(blocks, ms);
}

const blockText = (handleId: string, index: number, more: string) =>
  `{"handleId":"${handleId}","offset":${index * blockBytes},${more}}`;
