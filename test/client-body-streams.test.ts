import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BodyStreams } from "../src/client/http/body-streams.ts";

const mebibyte = 1024 * 1024;

function openBody() {
  const cancelled: string[] = [];
  const bodies = new BodyStreams({ onCancel: (id) => cancelled.push(id), onRoom: () => {} });
  let ends = 0;
  const body = bodies.open("r", () => ends++);
  const piece = (seq: number, bytes: number, done = false) =>
    bodies.accept({
      requestId: "r",
      seq,
      deltaBase64: Buffer.alloc(bytes, seq).toString("base64"),
      done,
      error: null,
    });
  return { bodies, body, piece, cancelled, ends: () => ends };
}

describe("a streamed body", () => {
  test("comes whole, also when all of it came before it was read", async () => {
    const { body, piece, ends } = openBody();
    for (const seq of [1, 2, 3]) assert.equal(piece(seq, mebibyte), true);
    piece(4, 0, true);
    assert.equal((await new Response(body).arrayBuffer()).byteLength, 3 * mebibyte);
    assert.equal(ends(), 1);
  });

  test("says when it has to be paused, and fails when it is not", async () => {
    const { body, piece, cancelled } = openBody();
    const rooms = Array.from({ length: 16 }, (_, at) => piece(at + 1, mebibyte));
    assert.deepEqual(rooms, [...Array(15).fill(true), false]);
    piece(17, mebibyte);
    await assert.rejects(new Response(body).arrayBuffer(), /bytes of the body wait to be read/);
    assert.deepEqual(cancelled, ["r"]);
  });

  test("fails when a piece is missing, and is cancelled when nobody wants it", async () => {
    const missing = openBody();
    missing.piece(2, 1);
    await assert.rejects(new Response(missing.body).text(), /piece 1 of the body is missing/);
    const unwanted = openBody();
    await unwanted.body.cancel();
    assert.deepEqual([unwanted.cancelled, unwanted.ends()], [["r"], 1]);
  });
});
