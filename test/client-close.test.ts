import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { after, describe, type TestContext, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { closerOf } from "../src/client/connection/close-socket.ts";
import { connect } from "../src/client/library.ts";
import { closingLooksMax } from "../src/limits.ts";
import { signsOfLife } from "../src/protocol/signs-of-life.ts";
import { startServer } from "./support/server.ts";
import { until } from "./support/until.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

/** A way to the server on which nothing gets through from some moment on, and nobody is told. */
async function lineThatDies(t: TestContext) {
  const { hostname: host, port } = new URL((await server).url);
  const line = { isDead: false, url: "", nearEnds: [] as Socket[] };
  const listener = createServer((near) => {
    const far = connectTcp({ host, port: Number(port) });
    line.nearEnds.push(near);
    near.on("data", (bytes) => line.isDead || far.write(bytes));
    far.on("data", (bytes) => line.isDead || near.write(bytes));
    // A client that gives a dead line up may reset it.
    near.on("error", () => {});
    far.on("error", () => {});
    t.after(() => {
      near.destroy();
      far.destroy();
    });
  });
  t.after(() => void listener.close());
  await once(listener.listen(0, "127.0.0.1"), "listening");
  line.url = `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return line;
}

/** No heartbeat finds a line dead that closing has to let go of. */
const silent = { heartbeatIntervalMs: 300_000 };

/** What an executor sends to end a connection as it should be, and what it never may. */
const frames = { close: [0x88, 2, 0x03, 0xe9], "one of no kind": [0x83, 0] };

/** An executor that answers to everything, and ends no line of itself; tells of each line. */
async function endlessExecutor(t: TestContext) {
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(sockets, "listening");
  const lines: Socket[] = [];
  sockets.on("connection", (socket, { socket: line }) => {
    lines.push(line);
    t.after(() => line.destroy());
    socket.on("message", (frame) => {
      const { id } = JSON.parse(frame.toString());
      const result = { sessionId: "s", environmentInfo: { capabilities: {} } };
      if (id !== undefined) socket.send(JSON.stringify({ id, result }));
    });
  });
  t.after(() => void sockets.close());
  const send = (line: Socket, frame: readonly number[]) => {
    line
      .removeAllListeners("data")
      .removeAllListeners("end")
      .on("error", () => {})
      .resume();
    line.write(Buffer.from(frame));
  };
  return { url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`, lines, send };
}

/** The ends of TCP connections that keep this program running. */
const openEnds = () =>
  process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

describe("a connection that the other end is done with, whose line it does not end", () => {
  for (const [kind, frame] of Object.entries(frames)) {
    test(`is replaced, and let go: after a frame that is ${kind}`, async (t) => {
      const { url, lines, send } = await endlessExecutor(t);
      const environment = await connect(url, silent);
      const [line] = lines as [Socket];
      const ends = openEnds();
      send(line, frame);
      await within(30_000, "the answer", environment.check());
      assert.equal(lines.length, 2);
      // Both ends of the second line, and the far one of the first.
      const letGo = until("the end of it", () => openEnds() === ends + 1);
      // The library for WebSockets itself would wait for 30 s.
      await within(25_000, "the end of the line", letGo);
      await environment.close();
    });
  }
});

describe("closing", () => {
  for (const way of ["close", "detach"] as const) {
    test(`lets go of a line that is dead, so that a program can end: ${way}`, async (t) => {
      const line = await lineThatDies(t);
      const environment = await connect(line.url, silent);
      const [near] = line.nearEnds as [Socket];
      line.isDead = true;
      const gone = once(near, "close");
      await environment[way]();
      // The library for WebSockets itself would hold it for 30 s.
      await within(25_000, "the end of the connection", gone);
    });
  }

  test("waits for what a slow line still takes", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const lookIntervalMs = 200;
    const content = Buffer.alloc(24_000_000, "x");
    const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
    t.after(() => void sockets.close());
    await once(sockets, "listening");
    const near = new WebSocket(`ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`);
    t.after(() => near.terminate());
    const close = closerOf(near, lookIntervalMs);
    let hasMoved = () => false;
    near.once("upgrade", ({ socket }: IncomingMessage) => {
      hasMoved = signsOfLife(socket);
    });
    let looks = 0;
    // The line is as slow as it may be: of any two looks in a row one finds that nothing moved.
    const takeTime = () => {
      if (!hasMoved()) return;
      looks += 2;
      t.mock.timers.tick(2 * lookIntervalMs);
    };
    const arrived = new Promise<Buffer>((resolve) => {
      sockets.on("connection", (far, { socket }) => {
        socket.on("data", takeTime);
        far.on("message", (message: Buffer) => resolve(message));
      });
    });
    await once(near, "open");
    near.send(content);
    close();
    const message = await within(30_000, "the whole message", arrived);
    assert.equal(message.length, content.length);
    assert.ok(looks > closingLooksMax, `${looks} looks`);
  });
});
