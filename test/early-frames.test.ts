import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type ListenOptions, listen } from "../src/server/listen.ts";
import { clientFrame, final, opcodes } from "./support/client-frames.ts";

/** Its end looks like a message of its own. */
const inner = clientFrame({ first: final | opcodes.text, payload: Buffer.from("inner") });
const payload = Buffer.concat([Buffer.from("outer "), inner]);
const outer = clientFrame({ first: final | opcodes.binary, payload, mask: Buffer.alloc(4) });
const begun = outer.subarray(0, outer.length - inner.length);

const request = Buffer.from(
  "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
);

describe("a frame that begins before the upgrade is answered", () => {
  test("is one message when it begins in one piece with the request", async (t) => {
    const { far, message } = await client(t, async () => undefined);
    far.write(Buffer.concat([request, begun]));
    await once(far, "data");
    far.write(inner);
    assert.equal(await message, payload.toString("latin1"));
  });

  test("is one message when it begins while it is judged who asks", async (t) => {
    const { far, message } = await client(t, async ({ socket }) => {
      far.write(begun);
      while (socket.readableLength === 0) await nextTurn();
      return undefined;
    });
    far.write(request);
    await once(far, "data");
    far.write(inner);
    assert.equal(await message, payload.toString("latin1"));
  });
});

/** A connection, and the first message that the server hears on it. */
async function client(t: TestContext, access: ListenOptions["surface"]["access"]) {
  let accept: ListenOptions["accept"] = () => {};
  const message = new Promise<string>((resolve) => {
    accept = (socket) => socket.once("message", (bytes) => resolve(bytes.toString("latin1")));
  });
  const log = Object.assign(() => {}, { writes: () => false });
  const metrics = async () => ({ contentType: "", text: "" });
  const { url, close } = await listen({
    address: { host: "127.0.0.1", port: 0 },
    surface: { access, hindrances: () => [], metrics, log },
    limits: { connectionsMax: 1, messageBytesMax: 1_000 },
    log,
    accept: (...opened) => accept(...opened),
    refused: () => {},
    readAtOnce: () => 0,
  });
  const far: Socket = connect(Number(new URL(url).port), "127.0.0.1");
  t.after(async () => {
    far.destroy();
    await close();
  });
  return { far, message };
}
