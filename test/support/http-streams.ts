import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import type { Delta } from "./deltas.ts";
import type { SetUp } from "./http-contract.ts";
import { withLongerLimits } from "./longer-limits.ts";
import { serveBytes, serveHttp, type WebServer } from "./web-server.ts";

const deltaBytesMax = 64 * 1024;
const broken = "error decoding response body";

interface Endless extends WebServer {
  /** Responses that were begun and are never ended. */
  readonly responses: readonly ServerResponse[];
}

/** Begins every response with its path, and says nothing more. */
async function serveEndless(scope: Parameters<typeof serveHttp>[0]): Promise<Endless> {
  const responses: ServerResponse[] = [];
  const server = await serveHttp(scope, ({ url }, response) => {
    responses.push(response);
    response.write(url);
  });
  return { ...server, responses };
}

/** Part of the suite of `describeHttp`: bodies that come in pieces, and their end. */
export function describeHttpStreams(setUp: SetUp): void {
  test("answers with the headers, and the body follows in order in small pieces", async (t) => {
    const body = Buffer.alloc(3_000_000, "abc");
    const server = await serveHttp(t, (_, response) => response.end(body));
    const { request, deltas } = await setUp(t);
    const { status, bodyBase64 } = await request({ url: server.url, streamResponse: true });
    assert.deepEqual({ status, bodyBase64 }, { status: 200, bodyBase64: "" });
    const last = await deltas.last("r");
    assert.deepEqual(
      deltas.all.map(({ seq }) => seq),
      deltas.all.map((_, index) => index + 1),
    );
    assert.deepEqual(last, lastDelta(deltas.all.length, null));
    assert.ok(deltas.body("r").equals(body));
    const sizes = deltas.all.map(({ deltaBase64 }) => Buffer.byteLength(deltaBase64, "base64"));
    assert.ok(Math.max(...sizes) <= deltaBytesMax, `largest piece: ${Math.max(...sizes)}`);
  });

  test("hands a piece on before the body has ended", async (t) => {
    const server = await serveEndless(t);
    const { request, deltas } = await setUp(t);
    await request({ url: `${server.url}/first`, streamResponse: true });
    await deltas.atLeast(1, "r");
    server.responses[0]?.end("-second");
    await deltas.last("r");
    assert.equal(deltas.body("r").toString(), "/first-second");
  });

  test("says with one piece that there is no body", async (t) => {
    const server = await serveHttp(t, (_, response) => response.end());
    const { request, deltas } = await setUp(t);
    await request({ url: server.url, streamResponse: true });
    await deltas.last("r");
    assert.deepEqual(deltas.all, [lastDelta(1, null)]);
  });

  test("says that a body was cut", async (t) => {
    const server = await serveBytes(t, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart");
    const { request, deltas } = await setUp(t);
    await request({ url: server.url, streamResponse: true });
    assert.deepEqual(await deltas.last("r"), lastDelta(deltas.all.length, broken));
  });

  test("ends a stream when its time is over", (t) =>
    withLongerLimits(200, async (timeoutMs) => {
      const server = await serveEndless(t);
      const { request, deltas } = await setUp(t);
      await request({ url: server.url, streamResponse: true, timeoutMs });
      assert.equal((await deltas.last("r")).error, broken);
    }));

  test("refuses a second stream of one id, until the first is over", async (t) => {
    const server = await serveEndless(t);
    const { request, deltas } = await setUp(t);
    await request({ url: server.url, streamResponse: true });
    await assert.rejects(request({ url: server.url, streamResponse: true }), {
      code: -32602,
      message: "http/request streamResponse requestId `r` is already active",
    });
    server.responses[0]?.end();
    await deltas.last("r");
    assert.equal((await request({ url: server.url, streamResponse: true })).status, 200);
  });

  test("frees the id of a stream that never began", async (t) => {
    const { request } = await setUp(t);
    const refused = { url: "http://127.0.0.1:1/", streamResponse: true };
    await assert.rejects(request(refused), /error sending request/);
    await assert.rejects(request(refused), /error sending request/);
  });

  describeCancelling(setUp);
}

function describeCancelling(setUp: SetUp): void {
  test("ends a cancelled stream, its connection, and no other stream", async (t) => {
    const server = await serveEndless(t);
    const { http, request, deltas } = await setUp(t);
    for (const requestId of ["a", "b"]) {
      await request({ requestId, url: `${server.url}/${requestId}`, streamResponse: true });
      await deltas.atLeast(1, requestId);
    }
    const [first, second] = server.responses;
    const closed = first && once(first, "close");
    assert.deepEqual(await http.cancel({ requestId: "a" }), {});
    assert.equal((await deltas.last("a")).error, "cancelled by http/cancel");
    await closed;
    await request({ requestId: "a", url: `${server.url}/again`, streamResponse: true });
    second?.end();
    assert.equal((await deltas.last("b")).error, null);
  });

  test("fails a cancelled request that has no headers yet", async (t) => {
    const asked = new EventEmitter();
    const server = await serveHttp(t, (_, response) => void asked.emit("asked", response));
    const { http, request } = await setUp(t);
    const begun = once(asked, "asked");
    const outcome = assert.rejects(request({ url: server.url }), {
      code: -32603,
      message: "http/request failed: cancelled by http/cancel",
    });
    const [response] = await begun;
    const closed = once(response, "close");
    await http.cancel({ requestId: "r" });
    await Promise.all([outcome, closed]);
  });

  test("takes no offence at an id that is unknown", async (t) => {
    const { http } = await setUp(t);
    assert.deepEqual(await http.cancel({ requestId: "nobody" }), {});
  });
}

const lastDelta = (seq: number, error: string | null): Delta => ({
  requestId: "r",
  seq,
  deltaBase64: "",
  done: true,
  error,
});
