/** Where log lines go may let whoever writes there wait, or have no room; the server goes on. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { logBacklogBytesMax } from "../src/limits.ts";
import { type Client, connect } from "./support/client.ts";
import { lastFirst } from "./support/last-first.ts";
import { start } from "./support/process.ts";
import { serverCommand, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const debug = ["--log-level", "debug"];

/** Each request leaves a line of this many bytes or more. */
const lineBytes = 100;

/** In turns, so that no answer waits for all the others. */
async function askOften(client: Client, count: number): Promise<void> {
  for (let asked = 0; asked < count; asked += 500) {
    const turn = Array.from({ length: Math.min(500, count - asked) }, () =>
      client.request("environment/status", {}),
    );
    await Promise.all(turn);
  }
}

test("A terminal that was stopped by Ctrl-S does not stop the server that logs there", async (t) => {
  const outer = await connect((await startServer(t)).url);
  await outer.initialize();
  const processId = await start(outer, { argv: serverCommand(debug), tty: true });
  const ours = (params: { readonly processId: string }) => params.processId === processId;
  const line = await outer.event("process/output", ours);
  const url = Buffer.from(line.chunk, "base64").toString().trim();
  const press = (key: string) => {
    const chunk = Buffer.from(key).toString("base64");
    return outer.request("process/write", { processId, chunk, writeId: key });
  };
  await press("\x13");
  const client = await connect(url);
  await client.initialize();
  await askOften(client, 100);
  await outer.request("process/signal", { processId, signal: "SIGTERM" });
  await client.closed;
  await press("\x11");
  assert.equal((await outer.event("process/exited", ours)).exitCode, 0);
});

test("Log lines come again when the disk was full for a while", async (t) => {
  const scope = lastFirst(t);
  const folder = temporaryFolder(scope, "stderr-log");
  const file = join(folder, "log");
  const startedBy = ["/bin/sh", "-c", `exec "$@" 2>${file}`, "sh"] as const;
  const server = await startServer(scope, { args: debug, startedBy });
  const client = await connect(server.url);
  await client.initialize();
  await until("the first line", () => readFileSync(file, "utf8").includes("initialize"));
  const limitFiles = (bytes: number | "unlimited") =>
    execFileSync("prlimit", ["--pid", `${server.pid}`, `--fsize=${bytes}:`]);
  limitFiles(0);
  await askOften(client, (2 * logBacklogBytesMax) / lineBytes);
  limitFiles("unlimited");
  await assert.rejects(client.request("fs/readFile", { path: "file:///no/such/file" }));
  await client.request("environment/status", {});
  await until("lines again", () => readFileSync(file).length > logBacklogBytesMax / 2);
});
