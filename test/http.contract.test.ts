import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { type LocalHttpOptions, localHttp } from "../src/environment/local/http.ts";
import { Deltas } from "./support/deltas.ts";
import { describeHttp, requestParams } from "./support/http-contract.ts";
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
