import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { loadSocketCalls } from "../src/environment/local/libc/socket-calls.ts";
import {
  claimedFrameBytesMax,
  frameMemoryBytes,
  gatheredFrameBytesMax,
  gatheredFrameBytesMin,
  messageBytesMax,
} from "../src/limits.ts";
import { readFramesAhead } from "../src/server/socket/inbound-frames.ts";
import { connect } from "./support/client.ts";
import { clientFrame, final, opcodes } from "./support/client-frames.ts";
import { plainLine } from "./support/line.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const limits = { messageBytesMax };
const hear = () => false;
const onlyTheStream = { limits, readAtOnce: () => 0, hear };

const frame = (bytes: number) =>
  clientFrame({ first: final | opcodes.text, payload: filled(bytes) });

/** Bytes of the header of a frame that is long enough to be gathered. */
const largeHeader = 14;

/** Node reads so many bytes at once. */
const readBytes = 65_536;

/** Bytes of which no two places look alike. */
function filled(bytes: number): Buffer {
  const words = Uint32Array.from({ length: Math.ceil(bytes / 4) }, (_, at) => at * 2_654_435_761);
  return Buffer.from(words.buffer, 0, bytes);
}

/** Collects what comes out of a socket, in the pieces in which it comes. */
function pieces(socket: Socket): Buffer[] {
  const list: Buffer[] = [];
  socket.on("data", (piece: Buffer) => list.push(Buffer.from(piece)));
  return list;
}

/** Where each piece begins. */
function starts(list: readonly Buffer[]): number[] {
  return list.map((_, at) => Buffer.concat(list.slice(0, at)).length);
}

const payloadBytes = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(125, 126, 65_535, 65_536),
  fc.integer({ min: gatheredFrameBytesMin - 20, max: gatheredFrameBytesMin + 20 }),
  fc.integer({ min: 1, max: 3 * gatheredFrameBytesMin }),
);

describe("a large frame that comes in pieces", () => {
  test("leaves as one, and every byte leaves in its order, wherever the cuts are", async () => {
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
    const sizes = fc.array(payloadBytes, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, cuts, async (list, places) => {
        const frames = list.map(frame);
        const sent = Buffer.concat(frames);
        const ends = places.map((place) => Math.floor(place * sent.length)).sort((a, b) => a - b);
        const socket = new Socket();
        const came = pieces(socket);
        readFramesAhead(socket, onlyTheStream);
        let from = 0;
        for (const end of [...ends, sent.length]) {
          if (end > from) socket.push(sent.subarray(from, end));
          from = end;
        }
        await nextTurn();
        assert.ok(Buffer.concat(came).equals(sent));
        const cutFrames = starts(frames).filter((start, at) => {
          const { length } = frames[at] as Buffer;
          // What a cut header waits for may be the rest of the frame, and more.
          const isCut = ends.some((end) => end >= start + largeHeader && end < start + length);
          return isCut && length >= gatheredFrameBytesMin;
        });
        for (const start of cutFrames) {
          const piece = came[starts(came).indexOf(start)];
          const whole = frames[starts(frames).indexOf(start)] as Buffer;
          assert.equal(piece?.length, whole.length, `the frame at ${start} did not come as one`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("of many cut headers, too", async () => {
    const sent = Buffer.concat([5, 200, 70_000, 3, 140_000, 126].map(frame));
    const socket = new Socket();
    const came = pieces(socket);
    readFramesAhead(socket, onlyTheStream);
    for (let at = 0; at < sent.length; at += 3) socket.push(sent.subarray(at, at + 3));
    await nextTurn();
    assert.ok(Buffer.concat(came).equals(sent));
  });

  test("is read from the kernel past the stream, which goes on behind it", async (t) => {
    const { near, far } = await plainLine(t);
    readFramesAhead(near, { ...onlyTheStream, ...(await loadSocketCalls()) });
    const sent = Buffer.concat([40, 1_400_000, 7, 5_000_000, 300_000, 9].map(frame));
    const came = pieces(near);
    far.end(sent);
    await once(near, "end");
    assert.ok(Buffer.concat(came).equals(sent));
    assert.ok(came.some(({ length }) => length > 5_000_000));
  });

  test("is not followed by more while nobody reads, wherever the cuts are", async (t) => {
    const { near } = await plainLine(t);
    const cutFrame = frame(gatheredFrameBytesMin).subarray(0, -1);
    readFramesAhead(near, onlyTheStream);
    near.on("data", () => {});
    near.pause();
    assert.equal(near.push(cutFrame), true);
    const rest = frame(gatheredFrameBytesMin).subarray(-1);
    assert.equal(near.push(Buffer.concat([rest, cutFrame])), false);
    assert.equal(near.push(Buffer.concat([rest, frame(40), cutFrame])), false);
  });

  test("is read on when somebody reads again", async (t) => {
    const { near, far } = await plainLine(t);
    readFramesAhead(near, onlyTheStream);
    const sent = Buffer.concat(Array.from({ length: 40 }, (_, at) => frame(500_000 + at)));
    const came = pieces(near);
    near.pause();
    far.end(sent);
    while (near.readableLength === 0) await nextTurn();
    near.resume();
    await once(near, "end");
    assert.ok(Buffer.concat(came).equals(sent));
  });

  test("takes no memory on its word alone when too many others do", async (t) => {
    const claiming = Math.floor(claimedFrameBytesMax / gatheredFrameBytesMax);
    const begun = frame(gatheredFrameBytesMax - 100).subarray(0, 1_000);
    const holders = Array.from({ length: claiming }, () => holder(t, begun));
    await nextTurn();
    assert.deepEqual(
      holders.map(({ came }) => came.length),
      holders.map(() => 0),
    );
    const [late, later] = [holder(t, begun), holder(t, begun)];
    await nextTurn();
    assert.deepEqual([late.came, later.came], [[begun], [begun]]);
    holders[0]?.socket.destroy();
    await nextTurn();
    const next = holder(t, begun);
    await nextTurn();
    assert.deepEqual(next.came, []);
  });

  test("waits for nothing when the server refuses its length, or it is never whole", async (t) => {
    const tooLong = frame(200_000).subarray(0, 100);
    const small = new Socket();
    const came = pieces(small);
    readFramesAhead(small, { ...onlyTheStream, limits: { messageBytesMax: 150_000 } });
    small.push(tooLong);
    await nextTurn();
    assert.deepEqual(came, [tooLong]);
    const { near, far } = await plainLine(t);
    readFramesAhead(near, onlyTheStream);
    assert.deepEqual(pieces(near), []);
    far.end(tooLong);
    await once(near, "end");
  });
});

/** A connection on which the beginning of a frame has come. */
function holder(t: TestContext, begun: Buffer) {
  const socket = new Socket();
  t.after(() => void socket.destroy());
  const came = pieces(socket);
  readFramesAhead(socket, onlyTheStream);
  socket.push(begun);
  return { socket, came };
}

describe("many small messages that come together", () => {
  test("leave others their turn after each read", async (t) => {
    const { near, far } = await plainLine(t);
    const count = 20_000;
    let heard = 0;
    readFramesAhead(near, { ...onlyTheStream, hear: () => ++heard > 0 });
    near.on("data", () => {});
    const small = clientFrame({ first: final | opcodes.text, payload: Buffer.alloc(50, "x") });
    far.write(Buffer.concat(Array.from({ length: count }, () => small)));
    let most = 0;
    while (heard < count) {
      const before = heard;
      await nextTurn();
      most = Math.max(most, heard - before);
    }
    assert.ok(most <= Math.ceil(readBytes / small.length), `${most} messages in one turn`);
  });
});

describe("blocks that are sent one behind the other", () => {
  test("are each in their place, whatever was refused between them", async (t) => {
    const server = await startServer(t);
    const client = await connect(server.url);
    await client.initialize();
    const folder = temporaryFolder(t, "gathered");
    const path = join(folder, "file");
    const open = { handleId: "h", path: pathToFileURL(path).href, mode: "replace" } as const;
    await client.request("fs/open", open);
    const blocks = Array.from({ length: 24 }, (_, at) => randomBytes(1_048_576 - at * 20_011));
    let offset = 0;
    const writes = blocks.map((block, at) => {
      const chunk = block.toString("base64");
      const unknown = client.request("fs/writeBlock", { handleId: "none", offset, chunk });
      const invalid = client.request("fs/writeBlock", {
        ...{ handleId: "h", offset },
        chunk: `${chunk.slice(0, -8)}~~~~${chunk.slice(-4)}`,
      });
      const written = client.request("fs/writeBlock", { handleId: "h", offset, chunk });
      offset += block.length;
      const asked = client.request("environment/status", {});
      return Promise.all([written, asked, refused(unknown, at), refused(invalid, at)]);
    });
    await Promise.all(writes);
    await client.request("fs/close", { handleId: "h" });
    assert.ok(readFileSync(path).equals(Buffer.concat(blocks)));
    assert.ok(blocks.every(({ length }) => (length / 3) * 4 < frameMemoryBytes));
  });
});

async function refused(request: Promise<unknown>, at: number): Promise<void> {
  await assert.rejects(request, `request ${at} was carried out`);
}
