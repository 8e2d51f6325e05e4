import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { deferred } from "../src/async/deferred.ts";
import { ConnectionError, type ConnectOptions, connect } from "../src/client/library.ts";
import { slowProxy } from "./support/slow-proxy.ts";
import { within } from "./support/within.ts";

async function listening(t: TestContext, server: Server): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => void server.close());
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** An executor that answers what `answer` says, or not at all. */
async function executor(
  t: TestContext,
  answer: (text: string, socket: WebSocket) => string | undefined,
) {
  const http = createServer();
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const closed = deferred<void>();
  const sockets = new WebSocketServer({ server: http });
  sockets.on("connection", (socket, request) => {
    headers.push(request.headers);
    t.after(() => socket.terminate());
    socket.once("close", () => closed.resolve());
    socket.on("message", (frame) => {
      const text = answer(frame.toString(), socket);
      if (text !== undefined) socket.send(text);
    });
  });
  return { url: await listening(t, http), headers, closed: closed.promise };
}

const answerTo = (text: string, result: object) =>
  JSON.stringify({ id: JSON.parse(text).id, result });

async function refused(
  url: string,
  options: ConnectOptions,
  why: RegExp,
): Promise<ConnectionError> {
  const error = await connect(url, options).catch((thrown) => thrown);
  assert.ok(error instanceof ConnectionError, String(error));
  assert.match(error.message, why);
  return error;
}

describe("connecting", () => {
  test("gives up a server that does not open the WebSocket in time", async (t) => {
    const url = await listening(
      t,
      createTcpServer((socket) => t.after(() => socket.destroy())),
    );
    await refused(url, { connectTimeoutMs: 50 }, /^connecting to .* took longer than 50 ms$/);
  });

  test("gives up a server that does not answer the first request in time", async (t) => {
    const { url } = await executor(t, () => undefined);
    await refused(url, { initializeTimeoutMs: 50 }, /initialize took longer than 50 ms$/);
  });

  test("gives up a server that does not say what it is", async (t) => {
    const { url } = await executor(t, (text) =>
      JSON.parse(text).method === "initialize" ? answerTo(text, { sessionId: "s" }) : undefined,
    );
    await refused(url, { initializeTimeoutMs: 500 }, /environment\/info took longer than 500 ms$/);
    const connecting = connect(url, { signal: AbortSignal.timeout(50) });
    await within(30_000, "the failure", assert.rejects(connecting, { name: "TimeoutError" }));
  });

  test("is given up by its signal", async (t) => {
    const { url } = await executor(t, () => undefined);
    const signal = AbortSignal.timeout(50);
    await assert.rejects(connect(url, { signal }), { name: "TimeoutError" });
  });

  test("tells why nobody answers, and why a server refuses", async (t) => {
    assert.ok((await refused("ws://127.0.0.1:1", {}, /ECONNREFUSED/)).retryable);
    const http = createServer();
    http.on("upgrade", (_, socket) => {
      const body = "invalid websocket bearer token";
      socket.end(`HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
    const url = await listening(t, http);
    const error = await refused(url, {}, /refused with HTTP 401: invalid websocket bearer token$/);
    assert.equal(error.retryable, false);
  });

  test("takes a refusal that is cut short, or that never ends, for what it is", async (t) => {
    const cut = await halfRefusal(t, (socket) => socket.destroy());
    await refused(cut, {}, /^websocket .* was refused with HTTP 502$/);
    const endless = await halfRefusal(t, () => {});
    await refused(endless, { connectTimeoutMs: 50 }, /took longer than 50 ms$/);
    // A rejection that nobody handles would come in the turn in which the socket has ended.
    await nextTurn();
  });

  const statuses: [number, boolean][] = [
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
  ];
  for (const [status, isTemporary] of statuses) {
    test(`takes a refusal with ${status} for ${isTemporary ? "passing" : "lasting"}`, async (t) => {
      const http = createServer();
      http.on("upgrade", (_, socket) => socket.end(`HTTP/1.1 ${status} No\r\n\r\n`));
      const error = await refused(await listening(t, http), {}, new RegExp(`HTTP ${status}$`));
      assert.equal(error.retryable, isTemporary);
    });
  }

  test("sends the token, and takes a server that says nothing of itself at first", async (t) => {
    const methods: string[] = [];
    const { url, headers } = await executor(t, (text) => {
      const { method, params } = JSON.parse(text);
      methods.push(method);
      if (method === "initialize") {
        const { clientId, ...rest } = params;
        assert.deepEqual(rest, { clientName: "me", resumeSessionId: null, holdEvents: true });
        assert.match(clientId, /^[0-9a-f-]{36}$/);
        return answerTo(text, { sessionId: "s" });
      }
      if (method !== "environment/info") return undefined;
      return answerTo(text, { shell: { name: "sh", path: "/bin/sh" } });
    });
    const environment = await connect(url, { bearerToken: "t0ken", clientName: "me" });
    assert.equal(headers[0]?.authorization, "Bearer t0ken");
    assert.deepEqual(methods, ["initialize", "initialized", "environment/info"]);
    assert.deepEqual([environment.sessionId, environment.info.shell.name], ["s", "sh"]);
    await environment.close();
  });

  test("closes the connection to a server that says nothing of itself at all", async (t) => {
    const { url, closed } = await executor(t, (text) => {
      const { id, method } = JSON.parse(text);
      if (method === "initialize") return answerTo(text, { sessionId: "s" });
      return id && JSON.stringify({ id, error: { code: -32601, message: "unknown" } });
    });
    await assert.rejects(connect(url), { code: -32601, message: "unknown" });
    await within(30_000, "the end of the connection", closed);
  });

  test("tells how a server ended the connection", async (t) => {
    const ends: [number | undefined, string, RegExp][] = [
      [undefined, "", / was closed \(1005\)$/],
      [1001, "", / was closed \(1001\)$/],
      [1001, "server is stopping", / was closed \(1001 server is stopping\)$/],
    ];
    for (const [code, reason, why] of ends) {
      const { url } = await executor(t, (_, socket) => void socket.close(code, reason));
      await refused(url, {}, why);
    }
  });

  test("answers a server that asks the client, and outlives what it does not know", async (t) => {
    const replies: string[] = [];
    const { url } = await executor(t, (text) => {
      const { method } = JSON.parse(text);
      switch (method) {
        case undefined:
          return void replies.push(text);
        case "initialize":
          return answerTo(text, { sessionId: "s", environmentInfo: {} });
        case "initialized":
          return '{"method":"some/news","params":{}}';
        case "environment/status":
          return '{"id":"x","method":"network/policyRequest"}';
        default:
          return answerTo(text, {});
      }
    });
    const environment = await connect(url);
    const signal = AbortSignal.timeout(30_000);
    // It is never answered, so the end of the session fails it.
    environment.check().catch(() => {});
    while (replies.length === 0 && !signal.aborted) await environment.files.remove("/x");
    const message = "this client does not serve `network/policyRequest`";
    assert.deepEqual(JSON.parse(replies[0] ?? ""), { id: "x", error: { code: -32601, message } });
    await environment.close();
  });

  test("outlives an answer that takes longer to arrive than silence may last", async (t) => {
    const dataBase64 = "A".repeat(800_000);
    const { url } = await executor(t, (text) => {
      const { method } = JSON.parse(text);
      if (method === "fs/readFile") return answerTo(text, { dataBase64 });
      return method === "initialized"
        ? undefined
        : answerTo(text, { sessionId: "s", environmentInfo: {} });
    });
    const slow = await slowProxy(t, url, 1_000_000);
    const environment = await connect(slow, { heartbeatIntervalMs: 100 });
    t.after(() => environment.close());
    assert.equal((await environment.files.read("/large")).length, 600_000);
  });
});

/** A proxy that refuses, and begins to say why. */
async function halfRefusal(t: TestContext, then: (socket: Duplex) => unknown): Promise<string> {
  const http = createServer();
  http.on("upgrade", (_, socket) => {
    t.after(() => void socket.destroy());
    const half = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 100\r\n\r\nhalf of it";
    socket.write(half, () => then(socket));
  });
  return listening(t, http);
}
