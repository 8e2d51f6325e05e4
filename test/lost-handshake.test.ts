import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { type RunningServer, startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

async function untilMetrics({ url }: RunningServer, awaited: RegExp): Promise<void> {
  const look = async () => {
    while (!awaited.test(await (await fetch(`${url.replace("ws:", "http:")}/metrics`)).text()));
  };
  await within(30_000, `${awaited} in the metrics`, look());
}

function opensOf({ pid }: RunningServer, path: string): number {
  const folder = `/proc/${pid}/fd`;
  const leadsThere = (fd: string) => {
    try {
      return readlinkSync(`${folder}/${fd}`) === path;
    } catch {
      // Closed since the folder was read.
      return false;
    }
  };
  return readdirSync(folder).filter(leadsThere).length;
}

test("what a client sent ahead that goes during its handshake opens nothing", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lost-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "file");
  writeFileSync(file, "");
  // The answer to the first client waits a second for it.
  writeFileSync(join(folder, "bwrap"), "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
  const server = await startServer(t, { env: { PATH: `${folder}:${process.env.PATH}` } });
  const client = await connect(server.url);
  const open = { handleId: "h", path: `file://${file}`, mode: "read" };
  const messages = [
    { id: 1, method: "initialize", params: { clientName: "test" } },
    { method: "initialized", params: {} },
    { id: 2, method: "fs/open", params: open },
  ].map((message) => JSON.stringify(message));
  for (const message of messages) client.send(message);
  await untilMetrics(
    server,
    new RegExp(`^codex_received_bytes_total ${messages.join("").length}$`, "m"),
  );
  await client.cut();
  await untilMetrics(server, /_count\{method="initialize"\} 1$/m);
  const other = await connect(server.url);
  await other.initialize();
  await other.request("fs/open", open);
  await other.request("fs/close", { handleId: "h" });
  assert.equal(opensOf(server, file), 0);
});
