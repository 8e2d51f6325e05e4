import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { after, describe, type TestContext, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { closerOf } from "../src/client/close-socket.ts";
import { connect } from "../src/client/library.ts";
import { startServer } from "./support/server.ts";
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

describe("closing", () => {
  for (const way of ["close", "detach"] as const) {
    test(`lets go of a line that is dead, so that a program can end: ${way}`, async (t) => {
      const line = await lineThatDies(t);
      const environment = await connect(line.url);
      const [near] = line.nearEnds as [Socket];
      line.isDead = true;
      const gone = once(near, "close");
      await environment[way]();
      // The library for WebSockets itself would hold it for 30 s.
      await within(15_000, "the end of the connection", gone);
    });
  }

  test("waits for what a slow line still takes", async (t) => {
    const content = Buffer.alloc(24_000_000, "x");
    const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
    t.after(() => void sockets.close());
    await once(sockets, "listening");
    const arrived = new Promise<Buffer>((resolve) => {
      sockets.on("connection", (far, { socket }) => {
        const lull = () => {
          socket.pause();
          setTimeout(() => socket.resume(), 5);
        };
        socket.on("data", lull);
        far.on("message", (message: Buffer) => resolve(message));
      });
    });
    const near = new WebSocket(`ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`);
    t.after(() => near.terminate());
    const close = closerOf(near, 200);
    await once(near, "open");
    near.send(content);
    close();
    const message = await within(30_000, "the whole message", arrived);
    assert.equal(message.length, content.length);
  });
});
