import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { connect } from "./support/client.ts";
import { start } from "./support/process.ts";
import { launchServer, type RunningServer, serverCommand, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

async function checkServes({ url }: RunningServer): Promise<void> {
  const client = await connect(url);
  await client.initialize();
  assert.deepEqual(await client.request("environment/status", {}), { status: "ready" });
  client.socket.terminate();
}

describe("a hang-up", () => {
  test("ends no server without a terminal, as `nohup` wants it", async (t) => {
    const args = ["--log-level", "info"];
    const server = await startServer(t, { args, startedBy: ["nohup"] });
    server.kill("SIGHUP");
    await checkServes(server);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.match(server.stderr(), /SIGHUP is ignored/);
  });

  test("ends it neither while it starts", async (t) => {
    const fifo = join(temporaryFolder(t, "hang-up"), "token");
    execFileSync("mkfifo", [fifo]);
    const args = ["--ws-auth", "capability-token", "--ws-token-file", fifo];
    const server = launchServer({ args, startedBy: ["nohup"] });
    t.after(() => server.stop());
    // Opened as soon as the server reads from it, which then waits for the token.
    const writing = await within(30_000, "the server's look at the token", open(fifo, "w"));
    server.kill("SIGHUP");
    await writing.writeFile("a capability");
    await writing.close();
    assert.match(await within(30_000, "the URL", server.firstLine), /^ws:/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test("of its terminal stops a server in order", async (t) => {
    const client = await connect((await startServer(t)).url);
    await client.initialize();
    const processId = await start(client, { argv: serverCommand(), tty: true });
    const ours = (params: { readonly processId: string }) => params.processId === processId;
    // The URL, of a server that obeys signals by then.
    await client.event("process/output", ours);
    await client.request("process/signal", { processId, signal: "SIGHUP" });
    assert.equal((await client.event("process/exited", ours)).exitCode, 0);
  });
});

describe("a second signal during the stop", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`does not kill the server: ${signal}`, async (t) => {
      const server = await startServer(t, { args: ["--log-level", "info"] });
      const client = await connect(server.url);
      await client.initialize();
      for (let at = 0; at < 20; at++) await start(client, { argv: ["sleep", "300"] });
      const closing = client.closed;
      server.kill(signal);
      // The server has the first one then.
      await closing;
      server.kill(signal);
      assert.deepEqual(await server.exited, { code: 0, signal: null });
      assert.match(server.stderr(), /session ended/);
    });
  }
});

describe("SIGUSR1", { skip: process.platform !== "linux" }, () => {
  test("opens no inspector, by which anybody could drive the server", async (t) => {
    const server = await startServer(t);
    const before = listening(server.pid);
    server.kill("SIGUSR1");
    await checkServes(server);
    assert.deepEqual(listening(server.pid), before);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.doesNotMatch(server.stderr(), /Debugger/);
  });
});

/** Sockets of a process at which connections are taken. */
function listening(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const open = new Set(readdirSync(folder).map((fd) => fileAt(`${folder}/${fd}`)));
  const table = readFileSync(`/proc/${pid}/net/tcp`, "utf8");
  const rows = table.split("\n").map((row) => row.trim().split(/\s+/));
  const ours = rows.filter((row) => row[3] === "0A" && open.has(`socket:[${row[9]}]`));
  return ours.map((row) => row[1] ?? "");
}

/** Undefined of one that was closed in between. */
function fileAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
