import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type TestContext, test } from "node:test";
import { deferred } from "../src/async/deferred.ts";
import { connect } from "./support/client.ts";
import { cuttingProxy } from "./support/cutting-proxy.ts";
import { metricsOf } from "./support/metrics.ts";
import { type RunningServer, startServer } from "./support/server.ts";
import { talkativeServer } from "./support/talkative-server.ts";

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** What a server has logged that has ended, without what differs each time. */
const linesOf = (server: RunningServer): Line[] =>
  server
    .stderr()
    .split("\n")
    .slice(0, -1)
    .map((text) => {
      const { time, durationMs, receivedBytes, sentBytes, ...line } = JSON.parse(text);
      return line;
    });

const address = "127.0.0.1";
const startWith = (t: TestContext, level: string) =>
  startServer(t, { args: ["--log-level", level] });

test("a connection that breaks is one line of the log, and so is the resume behind it", async (t) => {
  const server = await startWith(t, "info");
  const proxy = await cuttingProxy(server.url, () => Number.POSITIVE_INFINITY);
  t.after(() => proxy.close());
  const lost = await connect(proxy.url);
  const { sessionId } = await lost.initialize();
  proxy.cutAll();
  await lost.closed;
  const next = await connect(server.url);
  await next.initialize({ resumeSessionId: sessionId });
  await next.close();
  await server.stop();
  const session = sessionId.slice(0, 8);
  const [broken, resumed, ...rest] = linesOf(server);
  assert.deepEqual(broken, {
    ...{ level: "info", connection: 1, session, address, code: 1006 },
    ...{ reason: "the other end reset it (ECONNRESET)", msg: "connection lost" },
  });
  const expected = { level: "info", session, connection: 2, address, msg: "session resumed" };
  assert.deepEqual(resumed, expected);
  assert.deepEqual(
    rest.map(({ msg }) => msg),
    ["session ended"],
  );
});

test("a connection that its client uses wrongly is one line, with what is wrong", async (t) => {
  const server = await startWith(t, "warn");
  const client = await connect(server.url);
  client.socket.send(Buffer.from([0xff]), { binary: false });
  assert.equal((await client.closed).code, 1007);
  await server.stop();
  const reason = "Invalid WebSocket frame: invalid UTF-8 sequence";
  assert.deepEqual(linesOf(server), [
    { level: "warn", connection: 1, address, code: 1007, reason, msg: "connection failed" },
  ]);
});

test("a connection that its client closes is told of at level debug alone", async (t) => {
  for (const [level, codes] of Object.entries({ debug: [1005, 1000, 4000], info: [] })) {
    const server = await startWith(t, level);
    for (const code of [undefined, 1000, 4000]) {
      const client = await connect(server.url);
      client.socket.close(code);
      await client.closed;
    }
    await server.stop();
    const closed = linesOf(server).map(({ msg, code }) => [msg, code]);
    assert.deepEqual(
      closed,
      codes.map((code) => ["connection closed", code]),
    );
  }
});

test("a client that goes without a word is told from one that finds fault", async (t) => {
  const server = await startWith(t, "info");
  const gone = await connect(server.url);
  await gone.initialize();
  await gone.cut();
  const faulting = await connect(server.url);
  faulting.socket.close(1009);
  await faulting.closed;
  await server.stop();
  const told = linesOf(server).map(({ level, msg, code, reason }) => [level, msg, code, reason]);
  const connections = told.filter(([, msg]) => msg !== "session ended");
  assert.deepEqual(connections, [
    ["info", "connection lost", 1006, "the other end went without closing it"],
    ["warn", "connection failed", 1009, "its client closed it with this code"],
  ]);
});

test("the end of a server is that of its connections, also of one that does not confirm it", async (t) => {
  const server = await startWith(t, "debug");
  const [client, deaf] = [await connect(server.url), await connect(server.url)];
  deaf.socket.pause();
  await server.stop();
  assert.equal((await client.closed).code, 1001);
  const told = linesOf(server).map(({ msg, connection, code }) => [msg, connection, code]);
  assert.deepEqual(told.sort(), [
    ["connection closed", 1, 1001],
    ["connection closed", 2, 1001],
  ]);
});

test("a connection that ends while the server gets ready is not counted as open", async (t) => {
  const ready = deferred<void>();
  const server = await talkativeServer(t, { answerChars: 1, ready: ready.promise });
  const early = await connect(server.url);
  await early.cut();
  assert.match(await metricsOf(server.url), /^codex_open_connections 0$/m);
  ready.resolve();
  const client = await connect(server.url);
  await client.initialize();
  assert.match(await metricsOf(server.url), /^codex_open_connections 1$/m);
});

test("the metrics count ends by their kind, and resumes", async (t) => {
  const server = await startServer(t);
  const lost = await connect(server.url);
  const { sessionId } = await lost.initialize();
  await lost.cut();
  const next = await connect(server.url);
  await next.initialize({ resumeSessionId: sessionId });
  const text = await metricsOf(server.url);
  assert.match(text, /^codex_connection_ends_total\{ending="lost"\} 1$/m);
  assert.doesNotMatch(text, /ending="closed"/);
  assert.match(text, /^codex_sessions_resumed_total 1$/m);
});
