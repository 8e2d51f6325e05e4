import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

/** Asks over a connection that stays open, and gives the answer as soon as all wanted is there. */
async function ask(socket: Socket, path: string, wanted: RegExp): Promise<string> {
  let text = "";
  const come = new Promise<string>((resolve, reject) => {
    socket.on("data", (more) => {
      text += more;
      if (wanted.test(text)) resolve(text);
    });
    socket.once("close", () => reject(new Error(`the connection was cut behind "${text}"`)));
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return within(30_000, `the answer to ${path}`, come).finally(() => {
    for (const event of ["data", "close"]) socket.removeAllListeners(event);
  });
}

test("the metrics are told without a free descriptor, but for the memory", async (t) => {
  const { url, pid, stderr } = await startServer(t);
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  t.after(() => void socket.destroy());
  const whole = /^codex_unsent_bytes \d+\n/m;
  const before = await ask(socket, "/metrics", /^codex_resident_memory_bytes \d+\n/m);
  assert.match(before, whole);
  execFileSync("prlimit", [`--pid=${pid}`, "--nofile=10:"]);
  const text = await ask(socket, "/metrics", whole);
  assert.doesNotMatch(text, /^codex_resident_memory_bytes /m);
  assert.equal(stderr(), "");
});
