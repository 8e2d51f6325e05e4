import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, type TestContext, test } from "node:test";
import { ConnectionError, connect } from "../src/client/library.ts";
import { downloadBlockBytesMin, fileBlockBytesMax } from "../src/limits.ts";
import { cuttingProxy } from "./support/cutting-proxy.ts";
import { startServer } from "./support/server.ts";
import { slowProxy } from "./support/slow-proxy.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

/** A file in which every piece tells its own place. */
function file(t: TestContext, bytes: number) {
  const content = Buffer.from(Uint32Array.from({ length: bytes / 4 }, (_, at) => at).buffer);
  const path = join(temporaryFolder(t, "downloads"), "file");
  writeFileSync(path, content);
  return { path, content };
}

/** What is read through connections that are cut after so many bytes. */
async function streamThroughCuts(t: TestContext, path: string, cutAfter: number) {
  const proxy = await cuttingProxy((await server).url, () => cutAfter);
  t.after(() => proxy.close());
  const machine = await connect(proxy.url);
  t.after(() => machine.close());
  t.after(() => proxy.calm());
  return within(30_000, "the end of the file", buffer(machine.files.stream(path)));
}

test("a file comes over a slow line in small blocks, between which others have their turn", async (t) => {
  const { path } = file(t, 512 * 1024);
  const machine = await connect(await slowProxy(t, (await server).url, 500_000));
  t.after(() => machine.close());
  for await (const { length } of machine.files.stream(path)) {
    assert.ok(length <= 2 * downloadBlockBytesMin, `a block of ${length} bytes`);
  }
});

test("a file comes over a fast line in large blocks", async (t) => {
  const { path, content } = file(t, 64 * fileBlockBytesMax);
  const machine = await connect((await server).url);
  t.after(() => machine.close());
  const blocks: Uint8Array[] = [];
  for await (const block of machine.files.stream(path)) blocks.push(block);
  assert.ok(Buffer.concat(blocks).equals(content));
  const fewest = content.length / fileBlockBytesMax;
  assert.ok(blocks.length < 8 * fewest, `${blocks.length} blocks`);
});

test("a file comes whole though no connection lasts for a block of a mebibyte", async (t) => {
  const { path, content } = file(t, 4 * fileBlockBytesMax);
  assert.ok((await streamThroughCuts(t, path, fileBlockBytesMax)).equals(content));
});

test("a file of which nothing comes over any connection is given up some day", async (t) => {
  const { path } = file(t, downloadBlockBytesMin);
  await assert.rejects(streamThroughCuts(t, path, downloadBlockBytesMin), ConnectionError);
});
