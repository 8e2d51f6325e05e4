import assert from "node:assert/strict";
import { test } from "node:test";
import type { SetUp } from "./http-contract.ts";
import { type Answer, serveHttp } from "./web-server.ts";

/** Sends `from` on to where `location` says and tells, for any other path, what arrived. */
const redirecting =
  (status: number, location: (port: number) => string, from = "/"): Answer =>
  ({ url, method, body, headers }, response) => {
    const port = Number(headers.host?.split(":")[1]);
    if (url === from) response.writeHead(status, { location: location(port) }).end("moved");
    else response.end(`${method} ${url} ${body}`);
  };

const toNext = () => "/next";
const text = ({ bodyBase64 }: { bodyBase64: string }) =>
  Buffer.from(bodyBase64, "base64").toString();

/** Part of the suite of `describeHttp`: what sends a request on to somewhere else. */
export function describeHttpRedirects(setUp: SetUp): void {
  const post = { method: "POST", bodyBase64: "aGk=" };
  for (const [status, method, arrives, type] of [
    [301, "POST", "GET /next ", undefined],
    [302, "POST", "GET /next ", undefined],
    [303, "POST", "GET /next ", undefined],
    [307, "POST", "POST /next hi", "text/plain"],
    [308, "POST", "POST /next hi", "text/plain"],
    [304, "POST", "", undefined],
    [301, "PUT", "PUT /next hi", "text/plain"],
    [302, "DELETE", "DELETE /next hi", "text/plain"],
    [303, "PUT", "GET /next ", undefined],
  ] as const) {
    test(`answers a ${method} that gets ${status} with "${arrives}"`, async (t) => {
      const server = await serveHttp(t, redirecting(status, toNext));
      const { request } = await setUp(t);
      const headers = [{ name: "content-type", value: "text/plain" }];
      const answer = await request({ ...post, method, headers, url: `${server.url}/` });
      assert.equal(text(answer), arrives);
      assert.equal(server.received[1]?.headers["content-type"], type);
    });
  }

  test("says where it came from", async (t) => {
    const server = await serveHttp(t, redirecting(302, toNext));
    const { request } = await setUp(t);
    await request({ url: `${server.url}/#part` });
    assert.equal(server.received[1]?.headers.referer, `${server.url}/`);
  });

  test("says only from which host when it goes to another", async (t) => {
    const server = await serveHttp(
      t,
      redirecting(302, (port) => `http://localhost:${port}/next`, "/secret?token=x"),
    );
    const { request } = await setUp(t);
    await request({ url: `${server.url}/secret?token=x` });
    assert.equal(server.received[1]?.headers.referer, `${server.url}/`);
  });

  test("gives the redirect itself when told to stop", async (t) => {
    const server = await serveHttp(t, redirecting(302, toNext));
    const { request } = await setUp(t);
    const response = await request({ url: `${server.url}/`, redirectPolicy: "stop" });
    const location = response.headers.find(({ name }) => name === "location")?.value;
    assert.deepEqual([response.status, location, text(response)], [302, "/next", "moved"]);
  });

  test("leaves credentials behind when it goes to another host", async (t) => {
    const server = await serveHttp(
      t,
      redirecting(302, () => `http://localhost:${server.port}/next`),
    );
    const { request } = await setUp(t);
    const secret = ["Authorization", "Cookie", "Cookie2", "Proxy-Authorization"];
    const headers = [...secret, "Host", "X-Keep"].map((name) => ({ name, value: "v" }));
    await request({ url: `${server.url}/`, headers });
    const { host, "x-keep": kept, ...others } = server.received[1]?.headers ?? {};
    assert.deepEqual([host, kept], [`localhost:${server.port}`, "v"]);
    for (const name of secret) assert.equal(others[name.toLowerCase()], undefined, name);
  });

  test("asks for the headers alone again, when it was asked for those", async (t) => {
    const server = await serveHttp(t, redirecting(302, toNext));
    const { request } = await setUp(t);
    await request({ url: `${server.url}/`, method: "HEAD" });
    assert.equal(server.received[1]?.method, "HEAD");
  });

  test("says nothing of a body that it leaves behind", async (t) => {
    const server = await serveHttp(t, redirecting(302, toNext));
    const { request } = await setUp(t);
    const headers = ["Content-Type", "Content-Encoding"].map((name) => ({ name, value: "v" }));
    await request({ ...post, url: `${server.url}/`, headers });
    const { "content-type": type, "content-encoding": encoding } =
      server.received[1]?.headers ?? {};
    assert.deepEqual([type, encoding], [undefined, undefined]);
  });

  test("tells nobody the credentials that were part of where it was sent", async (t) => {
    const server = await serveHttp(t, ({ url }, response) => {
      const secret = `http://user:secret@127.0.0.1:${server.port}/second#part`;
      const location = { "/": secret, "/second": "/third" }[url];
      response.writeHead(location ? 302 : 200, location ? { location } : {}).end();
    });
    const { request } = await setUp(t);
    await request({ url: `${server.url}/` });
    assert.equal(server.received[2]?.headers.referer, `${server.url}/second`);
  });

  test("follows ten redirects and no more", async (t) => {
    const server = await serveHttp(t, ({ url }, response) => {
      response.writeHead(302, { location: `${url}x` }).end();
    });
    const { request } = await setUp(t);
    const message = "http/request failed: too many redirects";
    await assert.rejects(request({ url: `${server.url}/` }), { code: -32603, message });
    assert.equal(server.received.length, 11);
  });
}
