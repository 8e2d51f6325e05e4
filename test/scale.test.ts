import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { startServer } from "./support/server.ts";
import { until } from "./support/until.ts";

const idle = (processId: string) => ({
  processId,
  argv: ["/bin/cat"],
  cwd: "file:///",
  env: {},
  tty: false,
  pipeStdin: true,
});

const residentKiB = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

interface Grown {
  readonly pid: number;
  readonly beforeKiB: number;
  readonly count: number;
  readonly eachKiB: number;
}

/** The bounds are three to four times what was measured, so that only a leak breaks them. */
function checkMemory({ pid, beforeKiB, count, eachKiB }: Grown): void {
  const each = (residentKiB(pid) - beforeKiB) / count;
  assert.ok(each <= eachKiB, `${each.toFixed(1)} KiB for each of ${count}`);
}

const openFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

/** In batches, so that no answer has to wait for all the others. */
async function inBatches(count: number, work: (at: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += 100) {
    const batch = Array.from({ length: Math.min(100, count - from) }, (_, at) => work(from + at));
    await Promise.all(batch);
  }
}

async function echo(client: Client, processId: string, text: string): Promise<void> {
  const chunk = Buffer.from(`${text}\n`).toString("base64");
  await client.request("process/write", { processId, chunk, writeId: text });
  let seen = "";
  while (!seen.includes(text)) {
    const own = (event: { processId: string }) => event.processId === processId;
    const output = await client.event("process/output", own);
    seen += Buffer.from(output.chunk, "base64").toString();
  }
}

async function endAll(client: Client, pid: number, before: number): Promise<void> {
  await client.request("session/end", {});
  await client.close();
  await until("the closing of files", () => openFiles(pid) <= before);
}

/** More than anything here opens at the same time, in the server or in this program. */
const neededFiles = 10_000;

/** Servers raise the soft limit themselves, and cannot raise the hard one. */
function filesHindrance(): string | false {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const [, hard] = /^Max open files +\S+ +(\d+)/m.exec(limits) ?? [];
  if (hard === undefined || Number(hard) >= neededFiles) return false;
  return `a process may have no more than ${hard} files open here`;
}

describe("a server bears", { skip: filesHindrance() }, () => {
  test("700 terminals at once, each of which echoes", async (t) => {
    const server = await startServer(t);
    const client = await connect(server.url);
    await client.initialize();
    const before = openFiles(server.pid);
    const beforeKiB = residentKiB(server.pid);
    await inBatches(700, (at) =>
      client.request("process/start", { ...idle(`t${at}`), tty: true, pipeStdin: false }),
    );
    await inBatches(700, (at) => echo(client, `t${at}`, `line ${at}`));
    checkMemory({ pid: server.pid, beforeKiB, count: 700, eachKiB: 100 });
    await endAll(client, server.pid, before);
  });

  test("2,000 idle processes, of which each can be reached", async (t) => {
    const server = await startServer(t);
    const client = await connect(server.url);
    await client.initialize();
    const before = openFiles(server.pid);
    const beforeKiB = residentKiB(server.pid);
    await inBatches(2000, (at) => client.request("process/start", idle(`p${at}`)));
    const { processes } = await client.request("process/list", {});
    assert.equal(processes.filter(({ running }) => running).length, 2000);
    await inBatches(2000, (at) => echo(client, `p${at}`, `line ${at}`));
    checkMemory({ pid: server.pid, beforeKiB, count: 2000, eachKiB: 60 });
    await endAll(client, server.pid, before);
  });

  test("500 sessions, attached and waiting, with a process each", async (t) => {
    const server = await startServer(t);
    const before = openFiles(server.pid);
    const beforeKiB = residentKiB(server.pid);
    const clients: Client[] = [];
    const ids: string[] = [];
    await inBatches(500, async (at) => {
      const client = await connect(server.url);
      ids[at] = (await client.initialize()).sessionId;
      clients[at] = client;
      await client.request("process/start", idle("p"));
    });
    checkMemory({ pid: server.pid, beforeKiB, count: 500, eachKiB: 200 });
    await inBatches(500, (at) => clients[at]?.close() ?? Promise.resolve());
    await inBatches(500, async (at) => {
      const client = await connect(server.url);
      const resumed = await client.initialize({ resumeSessionId: ids[at] });
      assert.equal(resumed.sessionId, ids[at]);
      await echo(client, "p", `line ${at}`);
      await client.request("session/end", {});
      await client.close();
    });
    await until("the closing of files", () => openFiles(server.pid) <= before + 8);
  });
});

const pipelined: [string, number, (at: number) => [string, object]][] = [
  ["20,000 requests", 20_000, () => ["environment/status", {}]],
  ["20,000 reads of one file", 20_000, () => ["fs/getMetadata", { path: "file:///etc/passwd" }]],
  [
    "20,000 changes of one path",
    20_000,
    () => ["fs/remove", { path: "file:///proc/no/such", force: true }],
  ],
  ["1,000 starts", 1000, (at) => ["process/start", { ...idle(`p${at}`), argv: ["/bin/true"] }]],
];

describe("a server answers", () => {
  for (const [title, count, request] of pipelined) {
    test(`${title} that were sent without waiting`, async (t) => {
      const server = await startServer(t);
      const client = await connect(server.url);
      await client.initialize();
      const answered = new Set<unknown>();
      const all = new Promise<void>((resolve) => {
        client.socket.on("message", (text: Buffer) => {
          const { id } = JSON.parse(text.toString());
          if (id !== undefined) answered.add(id);
          if (answered.size === count) resolve();
        });
      });
      for (let at = 0; at < count; at++) {
        const [method, params] = request(at);
        client.send({ id: `pipelined ${at}`, method, params });
      }
      await all;
    });
  }
});

test("without descriptors one request fails with the reason, and the server goes on", async (t) => {
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  await client.request("process/start", idle("before"));
  const metricsUrl = `${server.url.replace("ws:", "http:")}/metrics`;
  const room = openFiles(server.pid) + 40;
  await client.request("process/start", {
    ...idle("limit"),
    argv: ["prlimit", `--pid=${server.pid}`, `--nofile=${room}`],
    env: { PATH: "/usr/bin:/bin" },
  });
  await client.event("process/closed", ({ processId }) => processId === "limit");
  const codes = new Set<number>();
  for (let at = 0; at < 60; at++) {
    await client.request("process/start", idle(`p${at}`)).catch((error) => {
      codes.add(error.code);
      assert.match(error.message, /Too many open files/);
    });
  }
  assert.deepEqual([...codes], [-32603]);
  const handles: string[] = [];
  const openOneMore = async () => {
    for (;;) {
      const handleId = `h${handles.length}`;
      await client.request("fs/open", { handleId, path: "file:///etc/passwd" });
      handles.push(handleId);
    }
  };
  await assert.rejects(openOneMore, { code: -32603, message: /Too many open files/ });
  const fetchOnce = (requestId: string) =>
    client.request("http/request", { requestId, method: "GET", url: `${metricsUrl}` });
  // Loads the HTTP library, whose failure Node would remember.
  await assert.rejects(fetchOnce("without"), { code: -32603 });
  await echo(client, "before", "still here");
  for (let at = 0; at < 60; at++) {
    await client.request("process/terminate", { processId: `p${at}` });
  }
  for (const handleId of handles) await client.request("fs/close", { handleId });
  await until("the closing of files", () => openFiles(server.pid) < room - 20);
  const { dataBase64 } = await client.request("fs/readFile", { path: "file:///etc/hostname" });
  assert.equal(dataBase64, readFileSync("/etc/hostname").toString("base64"));
  const other = await connect(server.url);
  await other.initialize();
  const { status, bodyBase64 } = await fetchOnce("with");
  assert.equal(status, 200);
  assert.match(Buffer.from(bodyBase64, "base64").toString(), /^codex_connections/m);
  assert.equal(server.stderr(), "");
});
