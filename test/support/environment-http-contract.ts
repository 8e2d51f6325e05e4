import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { type TestContext, test } from "node:test";
import { deferred } from "../../src/async/deferred.ts";
import { OperationFailedError, SessionLostError } from "../../src/client/library.ts";
import type { SetUp } from "./environment-workbench.ts";
import { within } from "./within.ts";

/** Requests that the environment makes for its client. */
export function describeHttp(setUp: SetUp): void {
  test("a request gives a response of the web", async (t) => {
    const { environment } = await setUp(t);
    const url = await serve(t, async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      response.writeHead(201, { "x-method": request.method, "x-sent": request.headers["x-a"] });
      response.end(Buffer.concat(parts));
    });
    const request = { method: "POST", headers: { "x-a": "b" }, body: "hällo" };
    const response = await environment.fetch(url, request);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-method"), "POST");
    assert.equal(response.headers.get("x-sent"), "b");
    assert.equal(await response.text(), "hällo");
  });

  test("headers are a record, pairs or a `Headers`", async (t) => {
    const { environment } = await setUp(t);
    const url = await serve(t, ({ headers }, response) => void response.end(headers["x-a"]));
    const pair = ["x-a", "b"] as const;
    for (const headers of [{ "x-a": "b" }, [pair], new Map([pair]), new Headers({ "x-a": "b" })]) {
      assert.equal(await (await environment.fetch(url, { headers })).text(), "b");
    }
  });

  test("a large body streams, and an empty one may have no body at all", async (t) => {
    const { environment } = await setUp(t);
    const body = Buffer.alloc(8 * 1024 * 1024, "stream");
    const url = await serve(t, (request, response) => {
      if (request.url === "/empty") response.writeHead(204).end();
      else response.end(body);
    });
    const streamed = await (await environment.fetch(url)).arrayBuffer();
    assert.ok(Buffer.from(streamed).equals(body));
    assert.equal((await environment.fetch(`${url}/empty`)).body, null);
  });

  test("a request that is given up ends at the server, before and after its headers", async (t) => {
    const { environment } = await setUp(t);
    const ended: Promise<void>[] = [];
    const silence = new AbortController();
    const url = await serve(t, (request, response) => {
      ended.push(new Promise((resolve) => response.once("close", resolve)));
      if (request.url === "/begins") response.writeHead(200).write("x");
      else silence.abort();
    });
    const controller = new AbortController();
    const begun = await environment.fetch(`${url}/begins`, { signal: controller.signal });
    controller.abort();
    await assert.rejects(begun.text(), { name: "AbortError" });
    const silent = environment.fetch(url, { signal: silence.signal });
    await assert.rejects(silent, { name: "AbortError" });
    await within(30_000, "the end of both requests", Promise.all(ended));
    assert.equal(ended.length, 2);
  });

  test("a response that the web does not know is an error, and ends at the server", async (t) => {
    const { environment } = await setUp(t);
    const ended = deferred<void>();
    const url = await serve(t, (_, response) => {
      response.once("close", () => ended.resolve());
      response.writeHead(999).write("endless");
    });
    await assert.rejects(environment.fetch(url), RangeError);
    await within(30_000, "the end of the request", ended.promise);
  });

  test("a request that is not answered yet fails as lost when its environment is closed", async (t) => {
    const { environment } = await setUp(t);
    const arrived = deferred<void>();
    const url = await serve(t, () => arrived.resolve());
    const asked = assert.rejects(environment.fetch(url), SessionLostError);
    await within(30_000, "the request", arrived.promise);
    await environment.close();
    await within(30_000, "the end of the call", asked);
  });

  test("a request that cannot be made is an error", async (t) => {
    const { environment } = await setUp(t);
    await assert.rejects(environment.fetch("http://127.0.0.1:1/"), OperationFailedError);
  });
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}
