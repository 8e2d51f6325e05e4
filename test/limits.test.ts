import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { metricsOf } from "./support/metrics.ts";
import { run, start } from "./support/process.ts";
import { workspaceOnly } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { until } from "./support/until.ts";

type Scope = Parameters<typeof startServer>[0];

async function serve(t: Scope, ...args: string[]) {
  const { url } = await startServer(t, { args });
  const client = await connect(url);
  await client.initialize();
  return { url, client };
}

/** What is beyond a limit fails by itself, and what comes after it is served. */
async function checkRefusal(client: Client, request: Promise<unknown>, complaint: RegExp) {
  await assert.rejects(request, complaint);
  assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
}

async function untilHelpers(url: string, wanted: Readonly<Record<string, number>>): Promise<void> {
  const lines = Object.entries(wanted).map(
    ([state, count]) => `sandbox_helpers{state="${state}"} ${count}\n`,
  );
  await until(`${lines}`, async () => {
    const metrics = await metricsOf(url);
    return lines.every((line) => metrics.includes(line));
  });
}

describe("an option bounds", () => {
  test("sessions, and readiness says so", async (t) => {
    const { url, client } = await serve(t, "--max-sessions", "1");
    const second = await connect(url);
    await assert.rejects(second.initialize(), /maximum of 1 sessions.*--max-sessions/);
    const readiness = await fetch(`${url.replace("ws:", "http:")}/readyz`);
    assert.equal(readiness.status, 503);
    assert.match(await readiness.text(), /all 1 sessions are taken/);
    await client.request("session/end");
    await second.initialize();
  });

  test("connections: one more gets 503", async (t) => {
    const { url, client } = await serve(t, "--max-connections", "1");
    await assert.rejects(connect(url), /503/);
    await client.close();
    await (await connect(url)).initialize();
  });

  test("processes of a session that are not closed", async (t) => {
    const { client } = await serve(t, "--max-processes", "2");
    await run(client, { argv: ["/bin/true"] });
    const processId = await start(client, { argv: ["/bin/sleep", "60"] });
    await start(client, { argv: ["/bin/sleep", "60"] });
    const again = start(client, { processId, argv: ["/bin/true"] });
    await checkRefusal(client, again, /already exists/);
    await checkRefusal(client, start(client, { argv: ["/bin/true"] }), /maximum of 2 processes/);
    await client.request("process/terminate", { processId });
    await client.event("process/closed", (closed) => closed.processId === processId);
    await run(client, { argv: ["/bin/true"] });
  });

  test("open files of a connection", async (t) => {
    const { client } = await serve(t, "--max-open-files", "1");
    const open = (handleId: string) =>
      client.request("fs/open", { handleId, path: "file:///etc/passwd" });
    await open("one");
    await checkRefusal(client, open("two"), /at most 1 file handles/);
    await client.request("fs/close", { handleId: "one" });
    await open("two");
  });

  test("bytes of unanswered requests", async (t) => {
    const { client } = await serve(t, "--max-inbound", "2KiB");
    const long = client.request("environment/status", { padding: "x".repeat(3000) });
    await checkRefusal(client, long, /too many unanswered requests.*2048 bytes/);
  });

  test("messages that are larger than the library can count", async (t) => {
    // The lower 32 bits of this are one.
    const { client } = await serve(t, "--max-message", `${2 ** 32 + 1}`);
    assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
  });

  test("a message: a larger one ends the connection, with the reason", async (t) => {
    const { url, client } = await serve(t, "--max-message", "1KiB");
    client.send("x".repeat(2000));
    const { code, reason } = await client.closed;
    assert.equal(code, 1009);
    assert.match(reason, /^a message may have 1024 bytes at most; .* a larger --max-message$/);
    await (await connect(url)).initialize();
  });

  test("output that is retained in memory and on disk", async (t) => {
    const spill = ["--max-spill", "512KiB", "--max-spill-total", "1MiB"];
    const { client } = await serve(t, "--max-retained-output", "64KiB", ...spill);
    const argv = ["/usr/bin/head", "-c", "2000000", "/dev/zero"];
    const processId = await start(client, { argv });
    await client.event("process/closed");
    const { chunks, droppedBytes } = await client.request("process/read", { processId });
    const kept = chunks.reduce((sum, { chunk }) => sum + Buffer.from(chunk, "base64").length, 0);
    // A block of 256 KiB is on its way from the one to the other.
    assert.ok(kept <= (64 + 512 + 256) * 1024 && kept > 512 * 1024, `${kept} bytes are kept`);
    assert.equal(kept + (droppedBytes ?? 0), 2_000_000);
  });

  test("output on disk of all processes together", async (t) => {
    const total = ["--max-spill-total", "512KiB", "--max-retained-output", "64KiB"];
    const { client } = await serve(t, ...total);
    const argv = ["/usr/bin/head", "-c", "1000000", "/dev/zero"];
    const kept = async () => {
      const processId = await start(client, { argv });
      await client.event("process/closed", (closed) => closed.processId === processId);
      const { chunks, droppedBytes = 0 } = await client.request("process/read", { processId });
      const bytes = chunks.reduce((sum, { chunk }) => sum + Buffer.from(chunk, "base64").length, 0);
      assert.equal(bytes + droppedBytes, 1_000_000);
      return bytes;
    };
    // The first one takes all the space, and the second gets none of it.
    assert.ok((await kept()) > 400 * 1024);
    assert.ok((await kept()) < 400 * 1024);
  });

  test("workers for sandboxes: one more waits until there is a place", async (t) => {
    const { url, client } = await serve(t, "--max-helpers", "1");
    const other = await connect(url);
    await other.initialize();
    const file = { path: "file:///etc/passwd", sandbox: workspaceOnly("/etc/passwd", "read") };
    await client.request("fs/open", { ...file, handleId: "held" });
    const read = other.request("fs/readFile", file);
    await untilHelpers(url, { busy: 1, waiting: 1 });
    await client.request("fs/close", { handleId: "held" });
    const dataBase64 = readFileSync("/etc/passwd").toString("base64");
    assert.deepEqual(await read, { dataBase64 });
    await untilHelpers(url, { waiting: 0 });
  });

  test("an HTTP response that is not streamed", async (t) => {
    const web = createServer((_, response) => response.end("x".repeat(2000)));
    await once(web.listen(0, "127.0.0.1"), "listening");
    t.after(() => void web.close());
    const { client } = await serve(t, "--max-http-body", "1KiB");
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
    const request = client.request("http/request", { requestId: "r", method: "GET", url });
    await checkRefusal(client, request, /exceeds the limit of 1024 bytes/);
  });
});
