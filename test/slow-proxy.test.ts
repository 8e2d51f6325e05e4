import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { start } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { slowProxy } from "./support/slow-proxy.ts";
import { until } from "./support/until.ts";

/** A client on a line of this pace, to which a process puts out all that the line takes. */
async function flooded(t: TestContext, bytesPerSecond: number) {
  const { url } = await startServer(t);
  const client = await connect(await slowProxy(t, url, bytesPerSecond));
  const arrived = { bytes: 0 };
  client.socket.on("message", (text: Buffer) => {
    arrived.bytes += text.length;
  });
  await client.initialize();
  await start(client, { processId: "terminal", argv: ["cat"], tty: true });
  await start(client, { processId: "flood", argv: ["yes"] });
  // What is asked now waits behind all that is on its way.
  await until("the flood", () => arrived.bytes > bytesPerSecond / 2);
  return { client, arrived };
}

async function type(client: Client): Promise<void> {
  const chunk = Buffer.from("a").toString("base64");
  await Promise.all([
    client.request("process/write", { processId: "terminal", writeId: "a", chunk }),
    client.event("process/output", ({ processId }) => processId === "terminal"),
  ]);
}

describe("behind a slow proxy that takes everything at once", () => {
  for (const kilobytesPerSecond of [100, 1000]) {
    const bytesPerSecond = kilobytesPerSecond * 1000;
    test(`an answer and an echo pass a flood at ${kilobytesPerSecond} KB/s`, async (t) => {
      const { client, arrived } = await flooded(t, bytesPerSecond);
      for (const act of [() => client.request("environment/status", {}), () => type(client)]) {
        const before = arrived.bytes;
        await act();
        const bytes = arrived.bytes - before;
        assert.ok(bytes < bytesPerSecond, `${bytes} bytes came first`);
      }
    });
  }
});
