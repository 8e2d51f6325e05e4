import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { ConnectionError, type ConnectOptions, connect } from "../src/client/library.ts";
import { callRepeatsMax } from "../src/limits.ts";
import { textOf } from "./support/environment-workbench.ts";
import { withLongerLimits } from "./support/longer-limits.ts";
import { type RelayRules, startRelay } from "./support/relay.ts";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

/** A client whose messages pass through a relay. */
async function setUp(t: TestContext, rules: RelayRules = {}, options: ConnectOptions = {}) {
  const relay = await startRelay(t, (await server).url, rules);
  const environment = await connect(relay.url, options);
  t.after(() => environment.close());
  const asked = (method: string) =>
    relay.sent.map((text) => JSON.parse(text)).filter((message) => message.method === method);
  return { relay, environment, asked };
}

test("a request that breaks every connection is given up, and what comes after it is served", async (t) => {
  const { environment, asked } = await setUp(t, {
    toServer: ({ method }) => (method === "fs/getMetadata" ? "break" : "pass"),
  });
  const broken = assert.rejects(environment.files.stat("/"), ConnectionError);
  await within(30_000, "the end of the request", broken);
  assert.equal(asked("fs/getMetadata").length, callRepeatsMax + 1);
  await environment.check();
});

test("what was asked for without a connection is asked in its order with the next one", async (t) => {
  const { relay, environment, asked } = await setUp(t);
  const reader = await environment.start(["cat"], { stdin: true });
  relay.leadTo("ws://127.0.0.1:1");
  relay.break();
  const pieces = [..."abcdefgh"];
  const writes = [...pieces.map((piece) => reader.stdin.write(piece)), reader.stdin.end()];
  relay.leadTo((await server).url);
  await Promise.all(writes);
  assert.equal(await within(30_000, "the output", textOf(reader)), pieces.join(""));
  assert.equal(asked("initialize").length, 2);
});

test("a connection on which nothing is said but pings are answered is not given up", (t) =>
  withLongerLimits(200, async (heartbeatIntervalMs) => {
    const { environment, asked } = await setUp(t, {}, { heartbeatIntervalMs });
    await environment.run(["sleep", `${(6 * heartbeatIntervalMs) / 1000}`]);
    assert.equal(asked("initialize").length, 1);
  }));

test("a server that opens another session in place of the old one is not served", async (t) => {
  let answers = 0;
  const { relay, environment } = await setUp(t, {
    toClient: (message) => {
      const result = message.result as { sessionId?: string } | undefined;
      if (result?.sessionId === undefined || ++answers === 1) return "pass";
      return { ...message, result: { ...result, sessionId: "another" } };
    },
  });
  relay.break();
  const lost = await within(30_000, "the end of the session", environment.lost);
  assert.match(lost.message, /answered with another session: another$/);
});
