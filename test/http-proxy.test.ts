import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { proxyByVariables } from "../src/environment/local/http/proxy.ts";
import { localHttp } from "../src/environment/local/http.ts";
import { okBytes, type Request, requestParams } from "./support/http-contract.ts";
import { serveBytes, serveHttp } from "./support/web-server.ts";

type Case = [variables: Record<string, string>, url: string, proxy: string | undefined];

const http = { HTTP_PROXY: "http://p:1" };
const exempting = (list: string) => ({ ...http, NO_PROXY: list });
const direct = undefined;

const cases: Case[] = [
  [{}, "http://a/", direct],
  [http, "http://a/", "http://p:1/"],
  [http, "https://a/", direct],
  [http, "http://127.0.0.1/", "http://p:1/"],
  [{ http_proxy: "p:1" }, "http://a/", "http://p:1/"],
  [{ HTTP_PROXY: "", http_proxy: "http://q:2" }, "http://a/", "http://q:2/"],
  [{ HTTPS_PROXY: "https://s:3" }, "https://a/", "https://s:3/"],
  [{ HTTPS_PROXY: "https://s:3" }, "http://a/", direct],
  [{ ...http, ALL_PROXY: "http://all:4" }, "https://a/", "http://all:4/"],
  [{ ...http, all_proxy: "http://all:4" }, "http://a/", "http://p:1/"],
  [exempting("*"), "http://a/", direct],
  [exempting("example.com"), "http://example.com/", direct],
  [exempting("example.com"), "http://sub.EXAMPLE.com/", direct],
  [exempting("example.com"), "http://notexample.com/", "http://p:1/"],
  [exempting(".example.com"), "http://example.com/", direct],
  [exempting("b, *.example.com"), "http://x.example.com/", direct],
  [exempting("10.0.0.1"), "http://10.0.0.1/", direct],
  [exempting("0.0.1"), "http://10.0.0.1/", "http://p:1/"],
  [exempting("10.0.0.0/8"), "http://10.200.3.4/", direct],
  [exempting("10.0.0.0/8"), "http://11.0.0.1/", "http://p:1/"],
  [exempting("10.0.0.0/99"), "http://10.0.0.1/", "http://p:1/"],
  [exempting("::1"), "http://[::1]:8080/", direct],
  [exempting("fd00::/8"), "http://[fd12::1]/", direct],
  [{ ...http, no_proxy: "a" }, "http://a/", direct],
];

describe("the proxy for a URL", () => {
  for (const [variables, url, proxy] of cases) {
    test(`${url} goes ${proxy ?? "directly"} with ${JSON.stringify(variables)}`, () => {
      assert.equal(proxyByVariables(variables)(new URL(url))?.href, proxy);
    });
  }

  for (const value of ["socks5://p:1", "http://", "::::"]) {
    test(`is refused when the variable says ${value}`, () => {
      const proxyOf = proxyByVariables({ ALL_PROXY: value });
      const message = /the executor's variable ALL_PROXY names no usable proxy/;
      assert.throws(() => proxyOf(new URL("http://a/")), { code: -32603, message });
    });
  }
});

function requestWith(t: TestContext, variables: Record<string, string>, given: Request) {
  const local = localHttp({ variables, emit: () => true });
  t.after(() => local.close());
  return local.request(requestParams(given));
}

test("a proxy is asked for an http URL by the whole of it, with all headers", async (t) => {
  const proxy = await serveBytes(t, okBytes);
  const headers = ["1", "2"].map((value) => ({ name: "x-dup", value }));
  const HTTP_PROXY = proxy.url.replace("//", "//user:secret@");
  const url = "http://server.invalid/path?query#part";
  assert.equal((await requestWith(t, { HTTP_PROXY }, { url, headers })).status, 200);
  const basic = Buffer.from("user:secret").toString("base64");
  const [sent = ""] = proxy.requests;
  assert.match(sent, /^GET http:\/\/server\.invalid\/path\?query HTTP/);
  assert.match(sent, /host: server\.invalid\r\n/);
  assert.match(sent, /x-dup: 1\r\nx-dup: 2\r\n/);
  assert.match(sent, new RegExp(`proxy-authorization: Basic ${basic}\r\n`));
});

test("a proxy is told the host that the client names, and no other", async (t) => {
  const proxy = await serveBytes(t, okBytes);
  const headers = [{ name: "Host", value: "named.invalid" }];
  await requestWith(t, { HTTP_PROXY: proxy.url }, { url: "http://server.invalid/", headers });
  assert.deepEqual(proxy.requests[0]?.match(/host: .*/g), ["host: named.invalid"]);
});

test("a proxy is asked for a tunnel to an https server", async (t) => {
  const proxy = await serveBytes(t, "HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n");
  const outcome = requestWith(t, { https_proxy: proxy.url }, { url: "https://server.invalid/" });
  await assert.rejects(outcome, { code: -32603, message: /error sending request for url/ });
  assert.match(proxy.requests[0] ?? "", /^CONNECT server\.invalid:443 HTTP/);
  assert.doesNotMatch(proxy.requests[0] ?? "", /accept/);
});

test("an exempt server is reached directly", async (t) => {
  const server = await serveHttp(t, (_, response) => response.end("direct"));
  const variables = { HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "127.0.0.0/8" };
  const { bodyBase64 } = await requestWith(t, variables, { url: server.url });
  assert.equal(Buffer.from(bodyBase64, "base64").toString(), "direct");
});
