import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { z } from "zod";
import type { Http } from "../../src/environment/http.ts";
import { httpRequests } from "../../src/protocol/http.ts";
import type { Params } from "../../src/protocol/methods.ts";
import { type Delta, Deltas } from "./deltas.ts";
import { describeHttpFailures } from "./http-failures.ts";
import { describeHttpRedirects } from "./http-redirects.ts";
import { describeHttpStreams } from "./http-streams.ts";
import { serveBytes, serveHttp } from "./web-server.ts";

/** Makes the implementation under test; it is closed when the test is over. */
export type MakeHttp = (
  t: TestContext,
  options: {
    /** The executor's variables. */
    readonly variables: Readonly<Record<string, string>>;
    readonly onDelta: (delta: Delta) => void;
  },
) => Promise<Http> | Http;

export type Request = Partial<z.input<ReturnType<(typeof httpRequests)["http/request"]["params"]>>>;

export interface HttpUnderTest {
  readonly http: Http;
  readonly deltas: Deltas;
  /** Makes a request with id `r` and method GET where nothing else is said. */
  request(given: Request): ReturnType<Http["request"]>;
}

export type SetUp = (
  t: TestContext,
  variables?: Readonly<Record<string, string>>,
) => Promise<HttpUnderTest>;

/** What every implementation of `Http` must do, over real sockets. */
export function describeHttp(name: string, makeHttp: MakeHttp): void {
  const setUp: SetUp = async (t, variables = {}) => {
    const deltas = new Deltas();
    const http = await makeHttp(t, { variables, onDelta: (delta) => deltas.push(delta) });
    return { http, deltas, request: (given) => http.request(requestParams(given)) };
  };
  describe(`${name}: requests`, () => describeOutgoing(setUp));
  describe(`${name}: responses`, () => describeIncoming(setUp));
  describe(`${name}: redirects`, () => describeHttpRedirects(setUp));
  describe(`${name}: failures`, () => describeHttpFailures(setUp));
  describe(`${name}: streams`, () => describeHttpStreams(setUp));
}

/** As the router hands them over: checked, with defaults. */
export function requestParams(given: Request): Params<"http/request"> {
  const whole = { requestId: "r", method: "GET", ...given };
  return httpRequests["http/request"].params().parse(whole);
}

export const okBytes = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

interface OutgoingCase {
  readonly sends: string;
  readonly given: Request;
  readonly wants?: RegExp[];
  readonly wantsNot?: RegExp[];
}

const outgoingCases: OutgoingCase[] = [
  {
    sends: "nothing but the default headers",
    given: {},
    wants: [/^GET \/ HTTP/, /accept: \*\/\*\r\n/, /host: 127\.0\.0\.1:\d+\r\n/],
    wantsNot: [/user-agent|encoding|content/i],
  },
  { sends: "any method as it is", given: { method: "get" }, wants: [/^get \/ HTTP/] },
  { sends: "the query", given: { url: "/a%20b?c=d#e" }, wants: [/^GET \/a%20b\?c=d HTTP/] },
  { sends: "no length of no body", given: { bodyBase64: "" }, wantsNot: [/content-length/] },
  {
    sends: "a body with its length",
    given: { method: "POST", bodyBase64: "aGk=" },
    wants: [/content-length: 2\r\n/, /\r\n\r\nhi$/],
  },
  {
    sends: "header names in lower case, in order, values as UTF-8, and frames the message itself",
    given: {
      headers: [
        { name: "X-Dup", value: "1" },
        { name: "Accept", value: "text/plain" },
        { name: "x-dup", value: "✓" },
        { name: "Transfer-Encoding", value: "chunked" },
      ],
    },
    wants: [/x-dup: 1\r\naccept: text\/plain\r\nx-dup: \xe2\x9c\x93\r\n/],
    wantsNot: [/\*\/\*/, /transfer-encoding/],
  },
  {
    sends: "nothing that only concerns the connection",
    given: {
      headers: [
        { name: "Connection", value: "close" },
        { name: "Content-Length", value: "999" },
        { name: "Expect", value: "100-continue" },
        { name: "Keep-Alive", value: "timeout=999" },
        { name: "Upgrade", value: "h2c" },
      ],
    },
    wantsNot: [/: close|content-length|timeout=|expect|h2c/],
  },
  {
    sends: "the executor's variable behind the value of a header",
    given: {
      headers: [{ name: "Authorization", value: "Bearer ", valueEnvVar: "SECRET_OF_TEST" }],
    },
    wants: [/authorization: Bearer s3cret\r\n/],
  },
];

function describeOutgoing(setUp: SetUp): void {
  for (const { sends, given, wants = [], wantsNot = [] } of outgoingCases) {
    test(`sends ${sends}`, async (t) => {
      const server = await serveBytes(t, okBytes);
      const { request } = await setUp(t, { SECRET_OF_TEST: "s3cret" });
      assert.equal((await request({ ...given, url: server.url + (given.url ?? "/") })).status, 200);
      const [sent = ""] = server.requests;
      for (const pattern of wants) assert.match(sent, pattern);
      for (const pattern of wantsNot) assert.doesNotMatch(sent, pattern);
    });
  }

  test("sends credentials of the URL as a header, and not in the URL", async (t) => {
    const server = await serveBytes(t, okBytes);
    const { request } = await setUp(t);
    await request({ url: server.url.replace("//", "//user:p%40ss@") });
    const basic = Buffer.from("user:p@ss").toString("base64");
    assert.match(server.requests[0] ?? "", new RegExp(`authorization: Basic ${basic}\r\n`));
    assert.doesNotMatch(server.requests[0] ?? "", /user/);
  });
}

function describeIncoming(setUp: SetUp): void {
  test("gives status, headers and body as they came", async (t) => {
    const zipped = gzipSync("hello");
    const server = await serveHttp(t, (_, response) => {
      const headers = { "X-Mixed-Case": "V", "set-cookie": ["a=1", "b=2"], "x-bytes": "caf\xe9" };
      response.writeHead(503, { ...headers, "content-encoding": "gzip" }).end(zipped);
    });
    const { request } = await setUp(t);
    const { status, headers, bodyBase64 } = await request({ url: server.url });
    const values = (name: string) => headers.filter((h) => h.name === name).map((h) => h.value);
    assert.equal(status, 503);
    assert.deepEqual(values("x-mixed-case"), ["V"]);
    assert.deepEqual(values("set-cookie"), ["a=1", "b=2"]);
    assert.deepEqual(values("content-encoding"), ["gzip"]);
    assert.deepEqual(values("x-bytes"), [], "a value that is not plain text is left out");
    assert.equal(bodyBase64, zipped.toString("base64"));
  });

  test("gives no body for HEAD", async (t) => {
    const server = await serveHttp(t, (_, response) => response.end("body"));
    const { request } = await setUp(t);
    const { status, bodyBase64 } = await request({ url: server.url, method: "HEAD" });
    assert.deepEqual({ status, bodyBase64 }, { status: 200, bodyBase64: "" });
  });

  test("lets buffered requests of one id run side by side", async (t) => {
    const server = await serveHttp(t, ({ url }, response) => response.end(url));
    const { request } = await setUp(t);
    const paths = ["/1", "/2", "/3"];
    const answers = await Promise.all(paths.map((path) => request({ url: server.url + path })));
    const bodies = answers.map(({ bodyBase64 }) => Buffer.from(bodyBase64, "base64").toString());
    assert.deepEqual(bodies, paths);
  });
}
