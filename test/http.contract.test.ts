import assert from "node:assert/strict";
import { once } from "node:events";
import { access } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type LocalHttpOptions, localHttp } from "../src/environment/local/http.ts";
import { Deltas } from "./support/deltas.ts";
import { describeHttp, requestParams } from "./support/http-contract.ts";
import { withLongerLimits } from "./support/longer-limits.ts";
import { standStill } from "./support/standing-still.ts";
import { serveHttp } from "./support/web-server.ts";

function openHttp(t: TestContext, options: LocalHttpOptions) {
  const http = localHttp(options);
  t.after(() => http.close());
  return http;
}

describeHttp("local", (t, { variables, onDelta }) =>
  openHttp(t, {
    variables,
    emit: (_, delta) => {
      onDelta(delta);
      return true;
    },
  }),
);

/** A reader of deltas that says after each that it is behind. */
function slowReader() {
  const deltas = new Deltas();
  const emit: LocalHttpOptions["emit"] = (_, delta) => {
    deltas.push(delta);
    return false;
  };
  return { deltas, emit };
}

test("a stream waits for a reader that is behind, and so does the server", async (t) => {
  const body = Buffer.alloc(16 << 20, "x");
  let response: ServerResponse | undefined;
  const server = await serveHttp(t, (_, opened) => {
    response = opened.writeHead(200);
    opened.end(body);
  });
  const { deltas, emit } = slowReader();
  const http = openHttp(t, { variables: {}, emit });
  await http.request(requestParams({ url: server.url, streamResponse: true }));
  await deltas.atLeast(1, "r");
  for (let count = 2; count <= 50; count++) {
    http.resumeOutput();
    await deltas.atLeast(count, "r");
    assert.equal(deltas.all.length, count, "one piece for each time the reader caught up");
  }
  assert.equal(response?.writableFinished, false, "what is not read stays at the server");
  const pump = setInterval(() => http.resumeOutput());
  await deltas.last("r");
  clearInterval(pump);
  assert.ok(deltas.body("r").equals(body));
});

test("a paused stream can be cancelled", async (t) => {
  const server = await serveHttp(t, (_, response) => response.write("x"));
  const { deltas, emit } = slowReader();
  const http = openHttp(t, { variables: {}, emit });
  await http.request(requestParams({ url: server.url, streamResponse: true }));
  await deltas.atLeast(1, "r");
  await http.cancel({ requestId: "r" });
  assert.equal((await deltas.last("r")).error, "cancelled by http/cancel");
});

test("closing ends requests, streams and their connections", async (t) => {
  const responses: ServerResponse[] = [];
  const server = await serveHttp(t, ({ url }, response) => {
    responses.push(response);
    if (url === "/stream") response.write("x");
  });
  const { deltas, emit } = slowReader();
  const http = localHttp({ variables: {}, emit });
  await http.request(requestParams({ url: `${server.url}/stream`, streamResponse: true }));
  const waiting = http.request(requestParams({ url: server.url, requestId: "waiting" }));
  const refused = assert.rejects(waiting, { code: -32603 });
  await deltas.atLeast(1, "r");
  const closed = responses.map((response) => once(response, "close"));
  await http.close();
  await Promise.all([refused, ...closed]);
  assert.equal((await deltas.last("r")).done, true);
});

test("the bound of a buffered body can be chosen", async (t) => {
  const server = await serveHttp(t, ({ url }, response) => response.end(url));
  const http = openHttp(t, { variables: {}, emit: () => true, bodyBytesMax: 4 });
  const get = (path: string) => http.request(requestParams({ url: server.url + path }));
  assert.equal((await get("/abc")).status, 200);
  await assert.rejects(get("/abcd"), { code: -32603, message: /limit of 4 bytes/ });
});

/** A web server on a thread of its own, which goes on while this one stands still. */
async function distantServer(t: TestContext) {
  const closed = new Int32Array(new SharedArrayBuffer(4));
  const program = `
    const { parentPort, workerData: closed } = require("node:worker_threads");
    const server = require("node:http").createServer(({ url }, response) => {
      parentPort.postMessage(url);
      response.end("text");
    });
    const sockets = [];
    server.on("connection", (socket) => sockets.push(socket));
    server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
    parentPort.on("message", async () => {
      for (const socket of sockets) {
        await new Promise((resolve) => socket.destroy().once("close", resolve));
      }
      Atomics.store(closed, 0, 1);
      Atomics.notify(closed, 0);
    });`;
  const worker = new Worker(program, { eval: true, workerData: closed });
  t.after(() => worker.terminate());
  const [port] = await once(worker, "message");
  const closeConnections = () => {
    worker.postMessage("close");
    assert.notEqual(Atomics.wait(closed, 0, 0, 30_000), "timed-out");
  };
  return { url: `http://127.0.0.1:${port}/`, worker, closeConnections };
}

test("a connection that its server has closed is not used again, though nobody has looked", async (t) => {
  const { url, closeConnections } = await distantServer(t);
  const http = openHttp(t, { variables: {}, emit: () => true });
  const post = () => http.request(requestParams({ url, method: "POST" }));
  await post();
  await nextTurn();
  // From here the event loop goes on to what waits for its turn, not to what has come meanwhile.
  await access("/");
  closeConnections();
  assert.equal((await post()).status, 200);
});

test("a response that came in time is in time, though nobody has looked", (t) =>
  withLongerLimits(1_000, async (timeoutMs) => {
    const { url, worker } = await distantServer(t);
    const http = openHttp(t, { variables: {}, emit: () => true });
    const response = http.request(requestParams({ url, timeoutMs }));
    await once(worker, "message");
    // What is due comes next from here, before what has come.
    await nextTurn();
    standStill(1.5 * timeoutMs);
    assert.equal((await response).status, 200);
  }));
