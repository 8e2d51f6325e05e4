import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { connect as connectTcp, createServer } from "node:net";
import { describe, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { launchServer, startServer } from "./support/server.ts";

const httpUrl = (url: string, path: string) => url.replace("ws:", "http:") + path;

describe("the HTTP surface", () => {
  const rows: [string, string, RequestInit, number][] = [
    ["readiness", "/readyz", {}, 200],
    ["liveness", "/livez", {}, 200],
    ["readiness without a body", "/readyz", { method: "HEAD" }, 200],
    ["a probe with another method", "/readyz", { method: "POST" }, 405],
    ["the root without an upgrade", "/", {}, 400],
    ["the root with another method", "/", { method: "POST" }, 405],
    ["an unknown path", "/no/such/path", {}, 404],
    ["a page of a browser", "/readyz", { headers: { origin: "http://127.0.0.1" } }, 403],
  ];
  for (const [title, path, init, status] of rows) {
    test(`answers ${title} with ${status}`, async (t) => {
      const { url } = await startServer(t);
      assert.equal((await fetch(httpUrl(url, path), init)).status, status);
    });
  }

  const offers: [string, string, RegExp][] = [
    ["a probe", "GET /readyz", /^HTTP\/1\.1 200 OK\r\n.*content-length: 0\r\n\r\n$/s],
    ["the metrics", "GET /metrics", /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n# HELP codex_/s],
    ["the metrics without a body", "HEAD /metrics", /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n$/s],
    ["the root", "GET /", /^HTTP\/1\.1 400 /],
    ["an unknown path", "GET /no/such/path", /^HTTP\/1\.1 404 /],
  ];
  for (const [title, line, expected] of offers) {
    test(`answers ${title} also to a client that offers another protocol`, async (t) => {
      const { url } = await startServer(t);
      const socket = connectTcp(Number(new URL(url).port), "127.0.0.1").setEncoding("utf8");
      const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA";
      socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\n${offer}\r\n\r\n`);
      let answer = "";
      for await (const part of socket) answer += part;
      assert.match(answer, expected);
    });
  }

  test("answers HEAD with the length of the body, and without it", async (t) => {
    const { url } = await startServer(t);
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1").setEncoding("utf8");
    socket.write("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = "";
    for await (const part of socket) answer += part;
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\ncontent-length: [1-9]\d+\r\n.*\r\n\r\n$/s);
  });

  test("refuses the WebSocket of a web page, whatever its origin", async (t) => {
    const { url } = await startServer(t);
    for (const origin of ["https://evil.example", "null", httpUrl(url, "")]) {
      await assert.rejects(connect(url, { origin }), /403/);
    }
  });

  test("tells a web page nothing that had its own name lead here", async (t) => {
    const { url } = await startServer(t);
    const status = (host: string) =>
      new Promise((resolve, reject) => {
        const asked = get(httpUrl(url, "/metrics"), { headers: { host }, agent: false });
        asked.once("error", reject).once("response", (answer) => resolve(answer.statusCode));
      });
    for (const host of [
      "evil.example",
      "evil.example:80",
      "127.0.0.1.evil.example",
      "localhost.x",
      "not-localhost",
    ]) {
      assert.equal(await status(host), 403, host);
    }
    for (const host of [
      "127.0.0.1:1",
      "[::1]:80",
      "localhost",
      "LOCALHOST:8765",
      "box.localhost",
    ]) {
      assert.equal(await status(host), 200, host);
    }
    await connect(url, { host: "proxy.example" });
  });

  test("opens a WebSocket at the root only, query or not", async (t) => {
    const { url } = await startServer(t);
    await assert.rejects(connect(`${url}/foo`), /404/);
    const client = await connect(`${url}/?token=x`);
    await client.initialize();
  });
});

/** A frame of a client, masked with zeros. */
const frameOf = (opcode: number, text: string) =>
  Buffer.from(`${String.fromCharCode(0x80 | opcode, 0x80 | text.length)}\0\0\0\0${text}`, "latin1");

test("what has been answered goes out before the frame that closes the connection", async (t) => {
  const { url } = await startServer(t);
  const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
  const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket";
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n${key}\r\n\r\n`);
  await once(socket, "data");
  // In one piece, so that the server meets both in one turn.
  socket.write(Buffer.concat([frameOf(1, '{"id":7,"method":"no/such"}'), frameOf(8, "\x03\xe8")]));
  const rest: Buffer[] = [];
  for await (const part of socket) rest.push(part);
  const bytes = Buffer.concat(rest);
  assert.match(bytes.toString("latin1"), /"code":-32601/);
  assert.ok(bytes.indexOf('"id":7') < bytes.lastIndexOf(0x88));
});

describe("codex exec-server", () => {
  test("prints one line, its URL, and nothing else on stdout", async (t) => {
    const server = await startServer(t);
    const client = await connect(server.url);
    await client.initialize();
    await client.close();
    await server.stop();
    assert.match(server.url, /^ws:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(server.stdout(), `${server.url}\n`);
  });

  const refused: [string, string[], RegExp][] = [
    ["another scheme", ["--listen", "http://127.0.0.1:0"], /unsupported --listen URL/],
    ["the transport that was removed", ["--listen", "stdio"], /unsupported --listen URL/],
    [
      "a name instead of an address",
      ["--listen", "ws://localhost:0"],
      /invalid websocket --listen/,
    ],
    ["no port", ["--listen", "ws://127.0.0.1"], /invalid websocket --listen/],
    ["a port too large", ["--listen", "ws://127.0.0.1:65536"], /invalid websocket --listen/],
    ["a path", ["--listen", "ws://127.0.0.1:0/x"], /invalid websocket --listen/],
    ["a foreign address", ["--listen", "ws://192.0.2.1:0", "--insecure-no-auth"], /not available/],
    ["a misspelt option", ["--lisen", "x"], /--listen/],
  ];
  for (const [title, args, complaint] of refused) {
    test(`refuses ${title}`, async () => {
      const server = launchServer({ args });
      assert.equal((await server.ended()).code, 1);
      assert.match(server.stderr(), complaint);
      assert.doesNotMatch(server.stderr(), /\n +at /);
      assert.equal(server.stdout(), "");
    });
  }

  test("says so when its port is taken", async (t) => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    t.after(() => void taken.close());
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : 0;
    const server = launchServer({ args: ["--listen", `ws://127.0.0.1:${port}`] });
    assert.equal((await server.ended()).code, 1);
    assert.match(server.stderr(), /address in use/);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`stops on ${signal}: sockets closed, long polls too, children dead, exit 0`, async (t) => {
      const server = await startServer(t);
      const client = await connect(server.url);
      await client.initialize();
      const pid = await startStubborn(client);
      const poll = client.request("process/read", { processId: "p", afterSeq: 1, waitMs: 60_000 });
      poll.catch(() => {});
      server.kill(signal);
      assert.deepEqual(await server.exited, { code: 0, signal: null });
      await client.closed;
      assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    });
  }
});

/** A process that no polite signal ends. */
async function startStubborn(client: Client): Promise<number> {
  await client.request("process/start", {
    processId: "p",
    argv: ["/bin/sh", "-c", 'trap "" TERM HUP INT; echo $$; while :; do sleep 1; done'],
    cwd: "file:///var/tmp",
    env: { PATH: "/usr/bin:/bin" },
    tty: false,
  });
  const { chunk } = await client.event("process/output");
  return Number(Buffer.from(chunk, "base64").toString());
}
