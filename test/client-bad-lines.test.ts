import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { deferred } from "../src/async/deferred.ts";
import {
  type ConnectOptions,
  connect,
  type Environment,
  localEnvironment,
  OperationFailedError,
  SessionLostError,
} from "../src/client/library.ts";
import { standstillMsMin, wholeFileBytesMax } from "../src/limits.ts";
import { type RelayRules, startRelay } from "./support/relay.ts";
import { startServer } from "./support/server.ts";
import { standStill } from "./support/standing-still.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

async function setUp(t: TestContext, rules: RelayRules, options: ConnectOptions = {}) {
  const relay = await startRelay(t, (await server).url, rules);
  const environment = await connect(relay.url, options);
  t.after(() => environment.close());
  return { relay, environment };
}

test("a file that is written in blocks outlives as many broken connections as anything", async (t) => {
  const directory = temporaryFolder(t, "bad-lines");
  let breaks = 0;
  const { environment } = await setUp(t, {
    toServer: ({ method }) => (method === "fs/writeBlock" && ++breaks <= 30 ? "break" : "pass"),
  });
  const path = join(directory, "large");
  const content = randomBytes(wholeFileBytesMax + 1);
  await environment.files.write(path, content);
  assert.ok((await readFile(path)).equals(content));
});

const openers: [string, () => Promise<Environment>][] = [
  ["another machine", async () => connect((await server).url)],
  ["this machine", () => localEnvironment()],
];
for (const [where, open] of openers) {
  test(`a file that waits for its source is given up with its session: ${where}`, async (t) => {
    const directory = temporaryFolder(t, "bad-lines");
    const environment = await open();
    const isWaiting = deferred<void>();
    async function* source() {
      yield randomBytes(1);
      isWaiting.resolve();
      await new Promise(() => {});
    }
    const writing = environment.files.write(join(directory, "file"), source());
    const failing = assert.rejects(writing, SessionLostError);
    await isWaiting.promise;
    await environment.close();
    await within(30_000, "the failure", failing);
  });
}

for (const [where, open] of openers) {
  test(`a path is not waited for after the end: ${where}`, async () => {
    const environment = await open();
    await environment.close();
    const watching = environment.files.watchMissing(["/no/such/path"]);
    await within(30_000, "the failure", assert.rejects(watching, SessionLostError));
  });
}

/** Enough for one attempt on a busy machine. */
const limitMs = 5_000;
const standstillMs = limitMs + 2 * standstillMsMin;

describe("a program that stood still until its time was over", () => {
  test("connects to a server that answers", async () => {
    const { url } = await server;
    const options = { connectTimeoutMs: limitMs, initializeTimeoutMs: limitMs };
    const connecting = connect(url, options);
    standStill(standstillMs);
    await (await connecting).close();
  });

  test("goes on with its session when the server can be reached again", async (t) => {
    const line = { isDown: false, attempts: 0 };
    const toServer: RelayRules["toServer"] = ({ method }) => {
      if (method === "initialize") line.attempts++;
      return line.isDown && method === "initialize" ? "break" : "pass";
    };
    const options = { reconnectWindowMs: limitMs };
    const { environment, relay } = await setUp(t, { toServer }, options);
    line.isDown = true;
    relay.break();
    await until("an attempt", () => line.attempts > 1);
    line.isDown = false;
    standStill(standstillMs);
    await within(30_000, "the answer", environment.check());
  });
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
    await within(30_000, "the end", process.closed);
    const untold = assert.rejects(process.exit, OperationFailedError);
    await within(30_000, "the failure", untold);
    const running = environment.run(["true"]);
    await within(30_000, "the failure", assert.rejects(running, /not with which exit code/));
  });
});
