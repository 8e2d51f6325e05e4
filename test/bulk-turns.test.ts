import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { outboundBytesHold, outboundBytesHoldTotal, readAnswerBytesMax } from "../src/limits.ts";
import { BulkTurns } from "../src/server/bulk-turns.ts";
import { type Client, connect, type Message } from "./support/client.ts";
import { metric } from "./support/metrics.ts";
import { finish, start } from "./support/process.ts";
import { type RunningServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const reads = 60;
const printedBytes = readAnswerBytesMax;

/** A client, and a process of it that has printed as much as one answer holds. */
async function setUp(t: TestContext) {
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  const argv = ["head", "-c", String(printedBytes), "/dev/zero"];
  await finish(client, await start(client, { processId: "much", argv }));
  return { server, client };
}

/** The bytes that wait for a client that does not read, once they grow no more. */
async function settledUnsentBytes(url: string): Promise<number> {
  for (let before = -1; ; await delay(100)) {
    const now = await metric(url, "unsent_bytes");
    if (now > 0 && now === before) return now;
    before = now;
  }
}

function answersTo(client: Client, count: number): Promise<Map<unknown, Message>> {
  const answers = new Map<unknown, Message>();
  return new Promise((resolve) => {
    client.socket.on("message", (text: Buffer) => {
      const message: Message = JSON.parse(text.toString());
      if (message.id !== undefined) answers.set(message.id, message);
      if (answers.size === count) resolve(answers);
    });
  });
}

/** Open at both ends, so that nobody waits for the other. */
async function fifo(t: TestContext) {
  const folder = temporaryFolder(t, "fifo");
  const path = join(folder, "fifo");
  execFileSync("mkfifo", [path]);
  const file = await open(path, "r+");
  t.after(() => file.close());
  return { path, file };
}

/** Lets a server find all at once what happens while it stands still. */
async function standingStill(server: RunningServer, work: () => Promise<void>): Promise<void> {
  server.kill("SIGSTOP");
  try {
    await work();
  } finally {
    server.kill("SIGCONT");
  }
}

describe("answers with much in them", () => {
  test("are made when a slow reader has room for them, and all come", async (t) => {
    const { server, client } = await setUp(t);
    await start(client, { processId: "endless", argv: ["sleep", "1000"] });
    const answered = answersTo(client, reads + 1);
    client.socket.pause();
    for (let id = 0; id < reads; id++) {
      client.send({ id: `read ${id}`, method: "process/read", params: { processId: "much" } });
    }
    const unsent = await settledUnsentBytes(server.url);
    assert.ok(unsent <= outboundBytesHold * 1.5, `${unsent} bytes wait for the client`);
    assert.ok((await metric(server.url, "unanswered_requests")) > reads / 2);
    // What is small passes them: it is carried out although nobody reads its answer yet.
    client.send({ id: "end", method: "process/terminate", params: { processId: "endless" } });
    const openProcesses = () => metric(server.url, "open_processes");
    await until("the end of the process", async () => (await openProcesses()) === 0);
    client.socket.resume();
    for (const [id, { result }] of await answered) {
      if (id === "end") continue;
      const { chunks } = result as { chunks: { chunk: string }[] };
      const bytes = chunks.reduce((sum, { chunk }) => sum + Buffer.byteLength(chunk, "base64"), 0);
      assert.equal(bytes, printedBytes, String(id));
    }
  });

  test("that wait keep nothing when their client goes", async (t) => {
    const { server, client } = await setUp(t);
    client.socket.pause();
    for (let id = 0; id < reads; id++) {
      client.send({ id: `read ${id}`, method: "process/read", params: { processId: "much" } });
    }
    await settledUnsentBytes(server.url);
    await client.cut();
    const openConnections = () => metric(server.url, "open_connections");
    await until("the end of the connection", async () => (await openConnections()) === 0);
    assert.equal(await metric(server.url, "unsent_bytes"), 0);
    assert.equal(server.stderr(), "");
  });

  test("are not held up by long polls, nor by a request that hangs", async (t) => {
    const { client } = await setUp(t);
    await start(client, { processId: "endless", argv: ["sleep", "1000"] });
    const params = { processId: "endless", waitMs: 60_000 };
    for (let id = 0; id < reads; id++)
      client.send({ id: `p${id}`, method: "process/read", params });
    const { chunks } = await client.request("process/read", { processId: "much", maxBytes: 1 });
    assert.equal(chunks.length, 1);

    const turns = new BulkTurns(() => 0);
    const path = "file:///dead/mount";
    const hang = () => new Promise<string>(() => {});
    for (let at = 0; at < 10; at++) void turns.run("fs/readFile", { path }, hang);
    assert.equal(await turns.run("fs/readFile", { path }, async () => "read"), "read");
  });

  test("to many clients that are due at the same time are all made", async (t) => {
    const server = await startServer(t);
    const [go, said] = [await fifo(t), await fifo(t)];
    const waiting = Array.from({ length: reads }, async () => {
      const client = await connect(server.url);
      await client.initialize();
      const script = 'read -r _ <"$1"; echo said; echo >"$2"; exec sleep 1000';
      const argv = ["sh", "-c", script, "sh", go.path, said.path];
      await start(client, { processId: "waits", argv });
      return client;
    });
    const clients = await Promise.all(waiting);
    const polls = clients.map((client) =>
      client.request("process/read", { processId: "waits", waitMs: 60_000 }),
    );
    // The server has all of them once it has answered what came behind.
    await Promise.all(clients.map((client) => client.request("environment/info", {})));
    await standingStill(server, async () => {
      await go.file.write("\n".repeat(reads));
      for (let count = 0; count < reads; ) count += (await said.file.read()).bytesRead;
    });
    for (const { chunks } of await Promise.all(polls)) assert.equal(chunks.length, 1);
  });

  test("of many clients that do not read share the memory, and each gets all in the end", async () => {
    const unsent = Array.from({ length: 50 }, () => 0);
    const made = unsent.map(() => 0);
    const clients = unsent.map((_, at) => new BulkTurns(() => unsent[at] ?? 0));
    const askedOfEach = 10;
    for (const [at, turns] of clients.entries()) {
      for (let count = 0; count < askedOfEach; count++) {
        void turns.run("process/read", { processId: "much" }, () => {
          unsent[at] = (unsent[at] ?? 0) + readAnswerBytesMax;
          made[at] = (made[at] ?? 0) + 1;
        });
      }
    }
    const held = unsent.reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(made.every((count) => count > 0));
    // Each has room for one, whatever the others hold.
    const heldMax = outboundBytesHoldTotal + clients.length * readAnswerBytesMax;
    assert.ok(held <= heldMax, `${held} bytes`);
    while (made.some((count) => count < askedOfEach)) {
      for (const [at, turns] of clients.entries()) {
        unsent[at] = 0;
        turns.goOn();
      }
      await nextTurn();
    }
    for (const turns of clients) turns.close();
  });
});
