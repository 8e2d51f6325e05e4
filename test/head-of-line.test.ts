/** A request that has to wait holds up nothing that has nothing to do with what it waits for. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { start } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

interface Bench {
  readonly client: Client;
  readonly folder: string;
  readonly uri: (name: string) => string;
}

async function makeBench(t: TestContext): Promise<Bench> {
  const folder = temporaryFolder(t, "head-of-line");
  const client = await connect((await startServer(t)).url);
  await client.initialize();
  return { client, folder, uri: (name) => `file://${join(folder, name)}` };
}

const sleeper = (client: Client) => start(client, { argv: ["sleep", "300"], pipeStdin: true });

/** A process whose stdin is full, and the write that waits for room. */
async function fullStdin(client: Client) {
  const processId = await sleeper(client);
  const chunk = Buffer.alloc(3_000_000).toString("base64");
  const write = (writeId: string) => client.request("process/write", { processId, chunk, writeId });
  // Taken as long as the queue is below its mark, and then it is above.
  await write("first");
  return { processId, write: write("second") };
}

/** An HTTP request to somebody who takes it and says nothing. */
async function silentAnswer(t: TestContext, client: Client) {
  const sockets: Socket[] = [];
  const web = createServer((socket) => void sockets.push(socket));
  await once(web.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    web.close();
  });
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
  const answer = client.request("http/request", { requestId: "slow", method: "GET", url });
  await once(web, "connection");
  return answer;
}

type Hindrance = (t: TestContext, bench: Bench) => Promise<{ waiting: Promise<unknown> }>;

const hindrances: Readonly<Record<string, Hindrance>> = {
  "a stdin that nobody reads": async (_, { client }) => ({
    waiting: (await fullStdin(client)).write,
  }),
  "an HTTP server that says nothing": async (t, { client }) => ({
    waiting: silentAnswer(t, client),
  }),
  "a long poll": async (_, { client }) => ({
    waiting: client.request("process/read", {
      processId: await sleeper(client),
      waitMs: 60_000,
    }),
  }),
};

async function checkOthers({ client, uri }: Bench): Promise<void> {
  assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
  const [signalled, terminated] = [await sleeper(client), await sleeper(client)];
  await client.request("process/signal", { processId: signalled, signal: "interrupt" });
  await client.request("process/terminate", { processId: terminated });
  for (const processId of [signalled, terminated]) {
    await client.event("process/closed", (event) => event.processId === processId);
  }
  await client.request("fs/writeFile", { path: uri("beside"), dataBase64: "eA==" });
  assert.deepEqual(await client.request("fs/readFile", { path: uri("beside") }), {
    dataBase64: "eA==",
  });
  await client.request("fs/walk", {
    path: uri(""),
    options: {
      ...{ maxDepth: 1, maxDirectories: 10, maxEntries: 10 },
      followDirectorySymlinks: false,
    },
  });
}

describe("nothing else of a connection is held up by", () => {
  for (const [title, hinder] of Object.entries(hindrances)) {
    test(title, async (t) => {
      const bench = await makeBench(t);
      const { waiting } = await hinder(t, bench);
      let isOver = false;
      const over = waiting.then(
        () => (isOver = true),
        () => (isOver = true),
      );
      await checkOthers(bench);
      assert.equal(isOver, false, "nothing was in the way");
      await bench.client.cut();
      await over;
    });
  }

  test("a FIFO that nobody opens, which is refused", async (t) => {
    const bench = await makeBench(t);
    execFileSync("mkfifo", [join(bench.folder, "fifo")]);
    const path = bench.uri("fifo");
    const refused = { code: -32600, message: /is not a file/ };
    await Promise.all([
      assert.rejects(bench.client.request("fs/readFile", { path }), refused),
      assert.rejects(bench.client.request("fs/writeFile", { path, dataBase64: "eA==" }), refused),
      assert.rejects(bench.client.request("fs/open", { handleId: "h", path }), refused),
      checkOthers(bench),
    ]);
  });
});

test("a write that waits for room delays neither signal nor terminate of its process", async (t) => {
  const { client } = await makeBench(t);
  const { processId, write } = await fullStdin(client);
  const settled = write.then(
    () => "answered",
    () => "refused",
  );
  const nothing = client.request("process/signal", { processId, signal: "interrupt" });
  await nothing;
  await client.event("process/exited", (event) => event.processId === processId);
  await client.request("process/terminate", { processId });
  await client.event("process/closed", (event) => event.processId === processId);
  assert.match(await settled, /answered|refused/);
});

test("a write that waits does not keep a file from being written by somebody else", async (t) => {
  const bench = await makeBench(t);
  writeFileSync(join(bench.folder, "shared"), "old");
  const { processId } = await fullStdin(bench.client);
  const argv = ["/bin/sh", "-c", `echo new > ${join(bench.folder, "shared")}`];
  const writer = await start(bench.client, { argv });
  await bench.client.event("process/closed", (event) => event.processId === writer);
  assert.equal(readFileSync(join(bench.folder, "shared"), "utf8"), "new\n");
  await bench.client.request("process/terminate", { processId });
});
