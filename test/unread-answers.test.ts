import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { outboundBytesMax, unreadErrorBytesMax } from "../src/limits.ts";
import { connect } from "./support/client.ts";
import { talkativeServer } from "./support/talkative-server.ts";

const answerChars = 32 * 1024 * 1024;

test("a client that sends on and on and reads nothing is cut off, and nobody else", async (t) => {
  const { url, lines } = await talkativeServer(t, { answerChars });
  const [deaf, other] = [await connect(url), await connect(url)];
  await deaf.initialize();
  await other.initialize();
  deaf.socket.pause();
  // More than may wait for one connection; further requests are refused.
  for (let bytes = 0; bytes <= outboundBytesMax + answerChars; bytes += answerChars) {
    deaf.request("fs/canonicalize", { path: "file:///" }).catch(() => undefined);
  }
  for (let sent = 0; lines.length === 0 && sent < unreadErrorBytesMax / 50; sent++) {
    deaf.send("no request");
    if (sent % 1000 === 0) await setImmediate();
  }
  assert.deepEqual(lines, ["connection cut: its client sends on and reads no answers"]);
  await other.request("environment/status", {});
});

test("a client that reads what it is told may make as many mistakes as it likes", async (t) => {
  const { url, lines } = await talkativeServer(t, { answerChars });
  const client = await connect(url);
  await client.initialize();
  const unknown = "x".repeat(1024 * 1024);
  for (let bytes = 0; bytes <= unreadErrorBytesMax; bytes += unknown.length) {
    const mistake = client.request(unknown, { path: "file:///" });
    await assert.rejects(mistake, { code: -32601 });
  }
  await client.request("environment/status", {});
  assert.deepEqual(lines, []);
});
