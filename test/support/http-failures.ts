import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Request, SetUp } from "./http-contract.ts";
import { withLongerLimits } from "./longer-limits.ts";
import { serveBytes, serveHttp } from "./web-server.ts";

interface Refusal {
  readonly given: Request;
  readonly message: string;
}

const header = (name: string, value: string, valueEnvVar?: string) => ({
  headers: [{ name, value, valueEnvVar }],
});

const refusals: Refusal[] = [
  { given: { method: "GE T" }, message: "http/request method is invalid: invalid HTTP method" },
  { given: { method: "" }, message: "http/request method is invalid: invalid HTTP method" },
  {
    given: { url: "nope" },
    message: "http/request url is invalid: relative URL without a base",
  },
  { given: { url: "http://" }, message: "http/request url is invalid: invalid host or port" },
  {
    given: { url: "ftp://x/" },
    message: "http/request only supports http and https URLs, got ftp",
  },
  {
    given: header("a b", "x"),
    message: "http/request header name is invalid: invalid HTTP header name",
  },
  {
    given: header("a", "x\ny"),
    message: "http/request header value is invalid for a: failed to parse header value",
  },
  {
    given: header("X-E", "", "NOPE"),
    message: "http/request header X-E requires executor environment variable NOPE",
  },
  {
    given: header("a", "x\x7f"),
    message: "http/request header value is invalid for a: failed to parse header value",
  },
  {
    given: header("X-E", "", "toString"),
    message: "http/request header X-E requires executor environment variable toString",
  },
  {
    given: header("X-E", "", "EMPTY"),
    message: "http/request header X-E requires a non-empty executor environment variable EMPTY",
  },
  { given: { bodyBase64: "***" }, message: "Invalid symbol 42, offset 0." },
];

/** Part of the suite of `describeHttp`: what is refused, and what fails. */
export function describeHttpFailures(setUp: SetUp): void {
  test("refuses what cannot be sent as it is, before anything is sent", async (t) => {
    const server = await serveHttp(t, (_, response) => response.end());
    const { request } = await setUp(t, { EMPTY: "" });
    for (const { given, message } of refusals) {
      await assert.rejects(request({ url: server.url, ...given }), { code: -32602, message });
    }
    assert.deepEqual(server.received, []);
  });

  test("names the URL, and the system's reason, when nobody answers", async (t) => {
    const { request } = await setUp(t);
    await assert.rejects(request({ url: "http://127.0.0.1:1/x?y" }), {
      code: -32603,
      message:
        "http/request failed: error sending request for url (http://127.0.0.1:1/x?y): " +
        "connect ECONNREFUSED 127.0.0.1:1",
    });
    const unknown = { code: -32603, message: /\(http:\/\/name\.invalid\/\): getaddrinfo / };
    await assert.rejects(request({ url: "http://name.invalid/" }), unknown);
  });

  test("fails when there are no headers in time", async (t) => {
    const server = await serveHttp(t, () => {});
    const { request } = await setUp(t);
    const message =
      `http/request failed: error sending request for url (${server.url}/): ` +
      "no answer within `timeoutMs`";
    await assert.rejects(request({ url: server.url, timeoutMs: 50 }), { code: -32603, message });
  });

  test("fails without asking anybody when there is no time at all", async (t) => {
    const server = await serveHttp(t, () => {});
    const { request } = await setUp(t);
    const message = "http/request failed: route-aware request timed out";
    await assert.rejects(request({ url: server.url, timeoutMs: 0 }), { code: -32603, message });
    assert.deepEqual(server.received, []);
  });

  const brokenBody = "failed to read http/request response body: error decoding response body";

  test("fails when the body is not whole in time", (t) =>
    withLongerLimits(200, async (timeoutMs) => {
      const server = await serveHttp(t, (_, response) => response.write("part"));
      const { request } = await setUp(t);
      const outcome = request({ url: server.url, timeoutMs });
      await assert.rejects(outcome, { code: -32603, message: brokenBody });
    }));

  test("fails when the body is cut", async (t) => {
    const server = await serveBytes(t, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart");
    const { request } = await setUp(t);
    await assert.rejects(request({ url: server.url }), { code: -32603, message: brokenBody });
  });

  test("refuses a body above 64 MiB, and stops reading it", async (t) => {
    const part = Buffer.alloc(1 << 20, "x");
    let closed: Promise<unknown> | undefined;
    const server = await serveHttp(t, (_, response) => {
      closed = once(response, "close");
      const writeMore = () => {
        while (!response.destroyed && response.write(part));
      };
      response.on("drain", writeMore);
      writeMore();
    });
    const { request } = await setUp(t);
    const message = /exceeds the limit of 67108864 bytes/;
    await assert.rejects(request({ url: server.url }), { code: -32603, message });
    await closed;
  });
}
