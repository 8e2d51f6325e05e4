import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { type Client, connect } from "./support/client.ts";
import { startServer } from "./support/server.ts";
import { talkativeServer } from "./support/talkative-server.ts";
import { within } from "./support/within.ts";

const waitMsMax = 30_000;
/** More than the kernel takes. */
const answerChars = 64 * 1024 * 1024;

/** The payloads of the pongs that come. */
function pongsOf({ socket }: Client): string[] {
  const pongs: string[] = [];
  socket.on("pong", (payload: Buffer) => void pongs.push(payload.toString()));
  return pongs;
}

/** A client that does not read; each call of `asked` waits until the server has what it sent. */
async function busyClient(t: TestContext) {
  const asked: (() => void)[] = [];
  const { url, lines } = await talkativeServer(t, { answerChars, onAsked: () => asked.pop()?.() });
  const client = await connect(url);
  await client.initialize();
  client.socket.pause();
  const ask = async () => {
    const hasArrived = new Promise<void>((resolve) => asked.push(resolve));
    const answer = client.request("fs/canonicalize", { path: "file:///" });
    await within(waitMsMax, "the request", hasArrived);
    return { answer };
  };
  return { client, lines, ask };
}

test("a client may ping on behind an answer that it does not read; the newest is answered", async (t) => {
  const { client, lines, ask } = await busyClient(t);
  const pongs = pongsOf(client);
  const answers = [await ask()];
  for (let count = 1; count <= 200; count++) client.socket.ping(`${count}`);
  answers.push(await ask());
  client.socket.resume();
  for (const { answer } of answers) await answer;
  client.socket.ping("behind");
  while (pongs.at(-1) !== "behind") {
    await within(waitMsMax, "a pong", once(client.socket, "pong"));
  }
  assert.deepEqual([pongs, lines], [["1", "200", "behind"], []]);
});

test("each ping of a client to which nothing is on its way is answered, with its payload", async (t) => {
  const { url } = await startServer(t);
  const client = await connect(url);
  await client.initialize();
  const pongs = pongsOf(client);
  const pings = ["", "1", "x".repeat(125), ...Array.from({ length: 100 }, (_, at) => `n${at}`)];
  for (const ping of pings) client.socket.ping(ping);
  while (pongs.length < pings.length) {
    await within(waitMsMax, "a pong", once(client.socket, "pong"));
  }
  assert.deepEqual(pongs, pings);
});
