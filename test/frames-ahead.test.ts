import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { WebSocketServer } from "ws";
import { deferred } from "../src/async/deferred.ts";
import { readFramesAhead } from "../src/server/socket/inbound-frames.ts";
import { OrderlySocket } from "../src/server/socket/orderly-socket.ts";
import { clientFrame, final, opcodes, reserved } from "./support/client-frames.ts";
import { plainLine } from "./support/line.ts";

const messageBytesMax = 200_000;
const { continuation, text, binary, close, ping, pong } = opcodes;

const whole = (opcode: number, payload: Buffer) => clientFrame({ first: final | opcode, payload });
const begun = (opcode: number, payload: Buffer) => clientFrame({ first: opcode, payload });

const letters = (bytes: number) => Buffer.alloc(bytes, `${bytes} letters `);
const small = fc.integer({ min: 0, max: 300 }).map(letters);
const words = fc.string({ unit: "grapheme" }).map((word) => Buffer.from(word));
/** Around what is gathered, and what is too long. */
const large = fc
  .constantFrom(65_535, 65_536, 131_060, 131_080, messageBytesMax, messageBytesMax + 1)
  .map(letters);
const bits = fc.uint8Array({ maxLength: 125 }).map((bytes) => Buffer.from(bytes));
/** Whoever hears it reads no more until the next turn. */
const pauseText = "pause";

/** In several frames, with something between them. */
const fragmented = fc
  .record({ opcode: fc.constantFrom(text, binary), first: words, rest: small, between: bits })
  .map(({ opcode, first, rest, between }) => [
    begun(opcode, first),
    whole(ping, between),
    whole(continuation, rest),
  ]);
const wrong = fc.oneof(
  bits.map((payload) => [whole(text, Buffer.concat([payload, Buffer.of(0xff)]))]),
  words.map((payload) => [clientFrame({ first: final | text, payload, isMasked: false })]),
  words.map((payload) => [clientFrame({ first: final | reserved | text, payload })]),
  words.map((payload) => [whole(continuation, payload)]),
  // Two messages begin, or one is heard in the middle of another.
  words.map((payload) => [begun(text, payload), begun(text, payload)]),
  words.map((payload) => [begun(binary, payload), whole(text, payload)]),
  fc.constant([whole(close, Buffer.of(3, 232))]),
);
const frames = fc.oneof(
  { weight: 12, arbitrary: small.map((payload) => [whole(text, payload)]) },
  { weight: 4, arbitrary: words.map((payload) => [whole(text, payload)]) },
  { weight: 2, arbitrary: large.map((payload) => [whole(text, payload)]) },
  { weight: 2, arbitrary: fc.constant([whole(text, Buffer.from(pauseText))]) },
  { weight: 2, arbitrary: fragmented },
  { weight: 1, arbitrary: small.map((payload) => [whole(binary, payload)]) },
  { weight: 1, arbitrary: bits.map((payload) => [whole(ping, payload)]) },
  { weight: 1, arbitrary: bits.map((payload) => [whole(pong, payload)]) },
  { weight: 4, arbitrary: wrong },
);
const share = fc.double({ min: 0, max: 1, noNaN: true });
/** Where what is sent is cut: anywhere, or behind each frame as well. */
const cuts = fc.record({
  anywhere: fc.array(share, { maxLength: 8 }),
  isBehindFrames: fc.boolean(),
  isAwaited: fc.infiniteStream(fc.boolean()),
});

interface Cuts {
  readonly anywhere: readonly number[];
  readonly isBehindFrames: boolean;
  readonly isAwaited: Iterator<boolean>;
}

interface Piece {
  readonly bytes: Buffer;
  readonly isAwaited: boolean;
}

describe("what a client sends, read ahead of the library", () => {
  test("is heard as the library would have it, in its order, wherever it is cut", async (t) => {
    let messages = 0;
    const property = fc.asyncProperty(
      fc.array(frames, { maxLength: 12 }),
      cuts,
      async (list, places) => {
        const arriving = cutInto([...list.flat(), whole(text, Buffer.from("the last"))], places);
        const expected = await heard(t, arriving, () => {});
        const counted = (socket: OrderlySocket, near: Socket) =>
          readAhead(near, (message) => {
            messages++;
            return socket.hear(message);
          });
        assert.deepEqual(await heard(t, arriving, counted), expected);
      },
    );
    await fc.assert(property, { numRuns: 300 });
    assert.ok(messages > 300, `only ${messages} messages were read ahead`);
  });

  test("goes on to be heard behind a small message that is cut", async (t) => {
    const { near } = await plainLine(t);
    const told: string[] = [];
    readAhead(near, (message) => told.push(`heard ${message.length}`) > 0);
    near.on("data", ({ length }) => told.push(`${length} bytes`));
    await nextTurn();
    const sent = Buffer.concat([10, 4_000, 20].map((bytes) => whole(text, letters(bytes))));
    for (const [from, to] of [[0, 17], [17, 1_000], [1_000, 1_001], [1_001]]) {
      near.push(sent.subarray(from, to));
    }
    assert.deepEqual(told, ["heard 10", "heard 4000", "heard 20"]);
  });

  test("is refused as soon as it is known to be too long", async (t) => {
    const { near } = await plainLine(t);
    readFramesAhead(near, {
      limits: { messageBytesMax: 50 },
      readAtOnce: () => 0,
      hear: () => true,
    });
    const came: Buffer[] = [];
    near.on("data", (bytes) => came.push(bytes));
    await nextTurn();
    const begun = whole(text, letters(60)).subarray(0, 20);
    near.push(begun);
    assert.deepEqual(came, [begun]);
  });

  test("waits while nobody reads, and behind what waited", async (t) => {
    const { near } = await plainLine(t);
    const told: string[] = [];
    readAhead(near, (message) => told.push(`heard ${message}`) > 0);
    near.on("data", ({ length }) => told.push(`${length} bytes`));
    const [first, second, third] = [10, 20, 30].map((bytes) => whole(text, letters(bytes)));
    near.pause();
    near.push(first);
    await nextTurn();
    assert.deepEqual(told, []);
    near.resume();
    near.push(second);
    await nextTurn();
    near.push(third);
    assert.deepEqual(told, [
      `${first?.length} bytes`,
      `${second?.length} bytes`,
      `heard ${letters(30)}`,
    ]);
  });
});

function readAhead(near: Socket, hear: (message: Buffer) => boolean): void {
  readFramesAhead(near, { limits: { messageBytesMax }, readAtOnce: () => 0, hear });
}

function cutInto(list: readonly Buffer[], { anywhere, isBehindFrames, isAwaited }: Cuts): Piece[] {
  const sent = Buffer.concat(list);
  const behindFrames = list.map((_, at) => Buffer.concat(list.slice(0, at)).length);
  const ends = anywhere.map((place) => Math.floor(place * sent.length));
  if (isBehindFrames) ends.push(...behindFrames);
  const pieces: Piece[] = [];
  let from = 0;
  for (const end of [...ends.sort((a, b) => a - b), sent.length]) {
    const isLast = end === sent.length;
    const bytes = sent.subarray(from, end);
    pieces.push({ bytes, isAwaited: isLast || isAwaited.next().value === true });
    from = end;
  }
  return pieces;
}

/** All that a WebSocket tells when these pieces arrive. */
async function heard(
  t: TestContext,
  arriving: readonly Piece[],
  prepare: (socket: OrderlySocket, near: Socket) => void,
): Promise<string[]> {
  const { near, far } = await plainLine(t);
  far.resume();
  const told: string[] = [];
  const over = deferred<void>();
  const tell = (what: string) => {
    told.push(what);
    if (what.endsWith("the last") || /^(error|close)/.test(what)) over.resolve();
  };
  const webSockets = new WebSocketServer({
    ...{ noServer: true, WebSocket: OrderlySocket, perMessageDeflate: false, autoPong: false },
    maxPayload: messageBytesMax,
  });
  webSockets.handleUpgrade(upgradeRequest(near), near, Buffer.alloc(0), (socket) => {
    prepare(socket, near);
    listen(socket, tell);
  });
  for (const { bytes, isAwaited } of arriving) {
    near.push(Buffer.from(bytes));
    if (isAwaited) await nextTurn();
  }
  await over.promise;
  const all = [...told];
  near.destroy();
  far.destroy();
  return all;
}

function listen(socket: OrderlySocket, tell: (what: string) => void): void {
  socket.on("message", (bytes, isBinary) => {
    const message = bytes as Buffer;
    const digest = createHash("sha256").update(message).digest("hex");
    const content = message.length > 20 ? `${message.length} ${digest}` : message.toString();
    tell(`${isBinary ? "binary" : "text"} ${content}`);
    if (message.toString() !== pauseText) return;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  socket.on("ping", (bytes) => tell(`ping ${bytes.toString("hex")}`));
  socket.on("pong", (bytes) => tell(`pong ${bytes.toString("hex")}`));
  socket.on("error", (error) => tell(`error ${error.message}`));
  socket.on("close", (code) => tell(`close ${code}`));
}

function upgradeRequest(socket: ConstructorParameters<typeof IncomingMessage>[0]) {
  const request = new IncomingMessage(socket);
  request.method = "GET";
  request.headers.upgrade = "websocket";
  request.headers["sec-websocket-version"] = "13";
  request.headers["sec-websocket-key"] = Buffer.alloc(16).toString("base64");
  return request;
}
