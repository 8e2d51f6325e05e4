import { existsSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { metricsOf } from "./support/metrics.ts";
import { type RunningServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

async function untilMetrics({ url }: RunningServer, awaited: RegExp): Promise<void> {
  await until(`${awaited} in the metrics`, async () => awaited.test(await metricsOf(url)));
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

/** A server whose first client waits a second for the answer to `initialize`. */
async function slowServer(t: TestContext) {
  const folder = temporaryFolder(t, "lost");
  const at = (name: string) => join(folder, name);
  writeFileSync(at("file"), "");
  writeFileSync(at("bwrap"), "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
  const server = await startServer(t, { env: { PATH: `${folder}:${process.env.PATH}` } });
  return { server, at };
}

const opening = (file: string) => ({
  handleId: "h",
  path: `file://${file}`,
  mode: "read" as const,
});
const ahead = (file: string) =>
  [
    { id: 1, method: "initialize", params: { clientName: "test" } },
    { method: "initialized", params: {} },
    { id: 2, method: "fs/writeFile", params: { path: `file://${file}.new`, dataBase64: "" } },
    { id: 3, method: "fs/open", params: opening(file) },
  ].map((message) => JSON.stringify(message));

/** When the answer to the first client is made. */
async function untilNothingIsOpen(server: RunningServer, file: string): Promise<void> {
  await untilMetrics(server, /_count\{method="initialize"\} 1$/m);
  const other = await connect(server.url);
  await other.initialize();
  await other.request("fs/open", opening(file));
  await other.request("fs/close", { handleId: "h" });
  await until("the close of the file", () => opensOf(server, file) === 0);
}

test("what a client sent ahead that goes during its handshake opens nothing", async (t) => {
  const { server, at } = await slowServer(t);
  const client = await connect(server.url);
  const messages = ahead(at("file"));
  for (const message of messages) client.send(message);
  await untilMetrics(
    server,
    new RegExp(`^codex_received_bytes_total ${messages.join("").length}$`, "m"),
  );
  await client.cut();
  await untilNothingIsOpen(server, at("file"));
});

test("what a client sent ahead that closes during its handshake is done, and closed", async (t) => {
  const { server, at } = await slowServer(t);
  const client = await connect(server.url);
  const { _socket: tcp } = client.socket as unknown as { readonly _socket: Socket };
  // All of it comes at once.
  tcp.cork();
  for (const message of ahead(at("file"))) client.send(message);
  const closed = client.close();
  tcp.uncork();
  await closed;
  await untilNothingIsOpen(server, at("file"));
  await until("the new file", () => existsSync(at("file.new")));
});
