import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { type ConnectOptions, connect, OperationFailedError } from "../src/client/library.ts";
import { wholeFileBytesMax } from "../src/limits.ts";
import { type RelayRules, startRelay } from "./support/relay.ts";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

async function setUp(t: TestContext, rules: RelayRules, options: ConnectOptions = {}) {
  const relay = await startRelay(t, (await server).url, rules);
  const environment = await connect(relay.url, options);
  t.after(() => environment.close());
  return { relay, environment };
}

test("a file that is written in blocks outlives as many broken connections as anything", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "bad-lines-"));
  t.after(() => rm(directory, { recursive: true }));
  let breaks = 0;
  const { environment } = await setUp(t, {
    toServer: ({ method }) => (method === "fs/writeBlock" && ++breaks <= 30 ? "break" : "pass"),
  });
  const path = join(directory, "large");
  const content = randomBytes(wholeFileBytesMax + 1);
  await environment.files.write(path, content);
  assert.ok((await readFile(path)).equals(content));
});

describe("an executor that never tells how a process ended", () => {
  const silent: RelayRules = {
    toClient: (message) => {
      if (message.method !== "process/exited") return "pass";
      const { processId, seq } = message.params as { processId: string; seq: number };
      const params = { processId, seq, stream: "stdout", chunk: "" };
      return { method: "process/output", params };
    },
  };

  test("fails the exit when the process is closed, and a run", async (t) => {
    const { environment } = await setUp(t, silent);
    const process = await environment.start(["true"]);
    await within(10_000, "the end", process.closed);
    const untold = assert.rejects(process.exit, OperationFailedError);
    await within(10_000, "the failure", untold);
    const running = environment.run(["true"]);
    await within(10_000, "the failure", assert.rejects(running, /not with which exit code/));
  });
});
