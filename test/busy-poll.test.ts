import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "./support/client.ts";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

/** Nanoseconds that the main thread has run: the first field of the kernel's schedstat. */
const ranForNs = (pid: number) =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[0]);

async function sleepsAgain(pid: number): Promise<void> {
  const sampleMs = 100;
  for (;;) {
    const before = ranForNs(pid);
    await delay(sampleMs);
    if (ranForNs(pid) - before < (sampleMs * 1e6) / 20) return;
  }
}

test("a server that was asked one thing after the other sleeps again when nobody asks", async (t) => {
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  for (let asked = 0; asked < 500; asked++) {
    assert.ok(await client.request("environment/info", {}));
  }
  await within(30_000, "a server at rest", sleepsAgain(server.pid));
});
