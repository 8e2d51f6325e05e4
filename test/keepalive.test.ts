import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EventEmitter, once } from "node:events";
import { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { WebSocket } from "ws";
import {
  heartbeatIntervalMs,
  heartbeatMissesMax,
  looksBeforeGivingUp,
  resumeProbeMs,
} from "../src/limits.ts";
import { signsOfLife } from "../src/protocol/signs-of-life.ts";
import { Keepalive } from "../src/server/socket/keepalive.ts";
import { encryptedLine, plainLine } from "./support/line.ts";
import { standStill } from "./support/standing-still.ts";

/** The far end of a connection, which answers pings or does not. */
class FarEnd extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  pings = 0;
  answers = true;

  ping(): void {
    this.pings++;
    if (this.answers) this.emit("pong", Buffer.alloc(0));
  }

  terminate(): void {
    this.readyState = 3;
    this.emit("close");
  }
}

/** `tcp` is what lies below the WebSocket. */
function begin(t: TestContext, tcp = new Socket()) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const farEnd = new FarEnd();
  const reasons: string[] = [];
  const keepalive = new Keepalive(farEnd as unknown as WebSocket, tcp, (reason) => {
    reasons.push(reason);
  });
  const beat = () => t.mock.timers.tick(heartbeatIntervalMs);
  /** Until what has come is read, before which nobody is given up. */
  const look = async () => {
    t.mock.timers.tick(1);
    for (let looks = 0; looks <= looksBeforeGivingUp; looks++) await nextTurn();
  };
  return { farEnd, keepalive, reasons, beat, look };
}

describe("the heartbeat of a connection", () => {
  test("leaves one alone that answers, for as long as it likes", (t) => {
    const { farEnd, beat } = begin(t);
    for (let beats = 0; beats < 50; beats++) beat();
    assert.deepEqual([farEnd.pings, farEnd.readyState], [50, 1]);
  });

  test("cuts one that misses two, and not before", async (t) => {
    const { farEnd, reasons, beat, look } = begin(t);
    farEnd.answers = false;
    for (let beats = 0; beats < heartbeatMissesMax; beats++) beat();
    await look();
    assert.deepEqual([farEnd.readyState, reasons], [1, []]);
    beat();
    await look();
    assert.deepEqual([farEnd.readyState, reasons], [3, ["nothing moved on it for 30 s"]]);
  });

  test("hears what came while nobody listened", async (t) => {
    const { near, far } = await plainLine(t);
    near.resume();
    const { farEnd, beat, look } = begin(t, near);
    farEnd.answers = false;
    for (let beats = 0; beats < heartbeatMissesMax; beats++) beat();
    await nextTurn();
    far.write("pong");
    standStill(100);
    beat();
    await look();
    assert.equal(farEnd.readyState, 1);
  });

  test("takes anything that arrives for a sign of life", (t) => {
    const { farEnd, keepalive, beat } = begin(t);
    farEnd.answers = false;
    for (let beats = 0; beats < 20; beats++) {
      beat();
      keepalive.heard();
    }
    assert.equal(farEnd.readyState, 1);
  });

  test("ends with the connection", (t) => {
    const { farEnd, beat } = begin(t);
    farEnd.terminate();
    for (let beats = 0; beats < 5; beats++) beat();
    assert.equal(farEnd.pings, 0);
  });
});

/** Reads so many bytes, and no more than one piece of them too many. */
async function taken(socket: Socket, bytes: number): Promise<void> {
  const until = socket.bytesRead + bytes;
  socket.resume();
  while (socket.bytesRead < until) await once(socket, "data");
  socket.pause();
}

describe("a line too slow for a pong to come through in time", () => {
  test("is not cut while a long message trickles in", async (t) => {
    const { near, far } = await plainLine(t);
    const { farEnd, beat, look } = begin(t, near);
    farEnd.answers = false;
    for (let beats = 0; beats < 20; beats++) {
      far.write("a bit");
      await once(near, "data");
      beat();
    }
    // Pongs that wait behind the message pile up there, and some libraries give up for that.
    assert.deepEqual([farEnd.readyState, farEnd.pings], [1, 1]);
    for (let beats = 0; beats <= heartbeatMissesMax; beats++) beat();
    await look();
    assert.equal(farEnd.readyState, 3);
  });

  test("is not cut while a part of what was encrypted as one trickles in", async (t) => {
    const { near, wire } = await encryptedLine(t);
    wire.setNoDelay();
    near.resume();
    const { farEnd, beat } = begin(t, near);
    farEnd.answers = false;
    const hasCome = signsOfLife(near);
    wire.write(Buffer.of(0x17, 3, 3, 0x40, 0));
    for (let beats = 0; beats < 10; beats++) {
      wire.write("a bit");
      for (let turns = 0; !hasCome() && turns < 1_000; turns++) await nextTurn();
      beat();
    }
    assert.equal(farEnd.readyState, 1);
  });

  for (const [kind, line] of Object.entries({ plain: plainLine, encrypted: encryptedLine })) {
    test(`${kind}, is not cut while a long message trickles out, but when nobody takes it`, async (t) => {
      const { near, far } = await line(t);
      const sent = Buffer.alloc(64 << 20);
      near.write(sent);
      const { farEnd, beat } = begin(t, near);
      farEnd.answers = false;
      for (let beats = 0; beats < 6; beats++) {
        await taken(far, sent.length / 8);
        beat();
      }
      assert.equal(farEnd.readyState, 1);
      // The kernel takes a while until it is full.
      for (let turns = 0; farEnd.readyState === 1 && turns < 1_000; turns++) {
        await nextTurn();
        beat();
      }
      assert.equal(farEnd.readyState, 3);
      assert.ok(near.writableLength > 0, "all of it was taken");
    });
  }

  test("proves itself alive by what passes, when somebody else wants the session", async (t) => {
    const { near, far } = await plainLine(t);
    const { farEnd, keepalive } = begin(t, near);
    farEnd.answers = false;
    const asked = keepalive.probe();
    far.write("a bit");
    await once(near, "data");
    t.mock.timers.tick(resumeProbeMs);
    assert.equal(await asked, true);
  });
});

describe("a probe of a connection", () => {
  test("is answered by a pong, by anything else that comes, or by its absence", async (t) => {
    const { farEnd, keepalive } = begin(t);
    assert.equal(await keepalive.probe(), true);
    farEnd.answers = false;
    const heard = keepalive.probe();
    keepalive.heard();
    assert.equal(await heard, true);
    const silent = [keepalive.probe(), keepalive.probe()];
    t.mock.timers.tick(resumeProbeMs);
    assert.deepEqual(await Promise.all(silent), [false, false]);
  });

  test("hears what came while nobody listened", async (t) => {
    const { near, far } = await plainLine(t);
    near.resume();
    const farEnd = new FarEnd();
    farEnd.answers = false;
    const keepalive = new Keepalive(farEnd as unknown as WebSocket, near, () => {});
    t.after(() => farEnd.terminate());
    // What is due comes next from here, before what has come.
    await nextTurn();
    const asked = keepalive.probe();
    far.write("pong");
    standStill(resumeProbeMs + 100);
    assert.equal(await asked, true);
  });

  test("is over when the connection is", async (t) => {
    const { farEnd, keepalive } = begin(t);
    farEnd.answers = false;
    const asked = keepalive.probe();
    farEnd.terminate();
    assert.equal(await asked, false);
    assert.equal(await keepalive.probe(), false);
  });
});
