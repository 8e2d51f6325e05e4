import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { loadSocketCalls } from "../src/environment/local/libc/socket-calls.ts";

/** One end of a connection whose other end reads nothing. */
async function unreadSocket(t: TestContext): Promise<Socket> {
  const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  server.on("connection", (socket) => t.after(() => socket.destroy()));
  const { port } = server.address() as { port: number };
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

const isLinux = process.platform === "linux";

test("the kernel takes little of what nobody reads", { skip: !isLinux }, async (t) => {
  const { writeAtOnce, limitUnsent } = await loadSocketCalls();
  const memory = Buffer.alloc(65_536);
  const taken = async (prepare: (socket: Socket) => void) => {
    const socket = await unreadSocket(t);
    prepare(socket);
    let bytes = 0;
    for (let last = 1; last > 0; bytes += last) last = writeAtOnce(socket, memory, memory.length);
    return bytes;
  };
  const unlimited = await taken(() => {});
  const limited = await taken((socket) => limitUnsent(socket, 16_384));
  assert.ok(limited > 0 && limited < unlimited / 2, `${limited} of ${unlimited} bytes`);
});
