import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, describe, type TestContext, test } from "node:test";
import { makeCertificate } from "./support/certificate.ts";
import { type Client, connect as connectClient } from "./support/client.ts";
import { run } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const folder = temporaryFolder({ after }, "half-open");

/** More than the 10 s that a client has; by itself Node takes 30 s and 120 s. */
const goneMsMax = 25_000;

const { cert, key } = makeCertificate(folder);
const tls = ["--tls-cert", cert, "--tls-key", key];

describe("a connection ends", { concurrency: true }, () => {
  const rows: [string, string[], string][] = [
    ["whose client never sends a request", [], ""],
    ["whose client sends half a request", [], "GET / HTTP/1.1\r\nHo"],
    ["whose client never begins to encrypt", tls, ""],
    ["whose client begins to encrypt, and stops", tls, "\x16\x03\x01\x02\x00\x01\x00"],
  ];
  for (const [title, args, sent] of rows) {
    test(title, async (t) => {
      const { url } = await startServer(t, { args });
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("error", () => {});
      t.after(() => void socket.destroy());
      socket.write(Buffer.from(sent, "latin1"));
      socket.resume();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await within(goneMsMax, "the end of the connection", closed);
    });
  }
});

/** Fewer files than there are connections. */
const fewFiles = ["prlimit", "--nofile=300"] as const;
const crowd = 400;

async function connectTo(url: string): Promise<Client> {
  const client = await within(goneMsMax, "the connection", connectClient(url));
  await client.initialize();
  return client;
}

async function sendHalf(t: TestContext, url: string, sent: string, localAddress = "127.0.0.1") {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", localAddress });
  t.after(() => void socket.destroy());
  await once(socket, "connect");
  socket.on("error", () => {});
  socket.write(Buffer.from(sent, "latin1"));
  socket.resume();
  return socket;
}

test("who is slow is not cut because of a crowd that comes from elsewhere", async (t) => {
  const { url } = await startServer(t, { startedBy: fewFiles });
  const slow = await sendHalf(t, url, "GET /livez HTTP/1.1\r\nHo");
  const answered = once(slow, "data");
  for (let at = 0; at < crowd; at++) await sendHalf(t, url, "", "127.0.0.2");
  // All that came before has been accepted then.
  const behind = await connectTo(url);
  behind.socket.terminate();
  slow.write("st: here\r\n\r\n");
  const [answer] = await within(goneMsMax, "the answer", answered);
  assert.match(`${answer}`, /^HTTP\/1\.1 200 /);
});

describe("everybody is served beside hundreds of connections", () => {
  const rows: [string, string[], string][] = [
    ["that never send a request", [], ""],
    ["that send half a request", [], "GET / HTTP/1.1\r\nHo"],
    ["that never begin to encrypt", tls, ""],
    ["that begin to encrypt, and stop", tls, "\x16\x03\x01\x02\x00\x01\x00"],
  ];
  for (const [title, args, sent] of rows) {
    test(title, async (t) => {
      const { url } = await startServer(t, { args, startedBy: fewFiles });
      const before = await connectTo(url);
      for (let at = 0; at < crowd; at++) await sendHalf(t, url, sent);
      const behind = await connectTo(url);
      for (const client of [before, behind]) {
        await run(client, { argv: ["true"] });
        client.socket.terminate();
      }
    });
  }
});
