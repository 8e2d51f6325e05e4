import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Scope } from "./last-first.ts";

/** How much it takes ahead of what it has passed on, as the buffers of a chain of proxies do. */
const heldBytesMax = 3_000_000;
const turnMs = 10;

/**
 * Stands between a client and a server, at the end of a slow line: takes at once what the server
 * sends, and passes it on at a pace. Gives its address.
 */
export async function slowProxy(
  scope: Scope,
  target: string,
  bytesPerSecond: number,
): Promise<string> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(socket.setNoDelay());
      socket.on("error", () => {}).on("close", () => other.destroy());
    }
    client.pipe(server);
    passOn(server, client, bytesPerSecond);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  scope.after(() => {
    for (const socket of open) socket.destroy();
    proxy.close();
  });
  return `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

function passOn(from: Socket, to: Socket, bytesPerSecond: number): void {
  const held: Buffer[] = [];
  let heldBytes = 0;
  from.on("data", (bytes) => {
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes > heldBytesMax) from.pause();
  });
  const timer = setInterval(() => {
    let room = (bytesPerSecond * turnMs) / 1000;
    for (let first = held.shift(); first; first = held.shift()) {
      const part = first.subarray(0, room);
      to.write(part);
      room -= part.length;
      heldBytes -= part.length;
      if (part.length === first.length) continue;
      held.unshift(first.subarray(part.length));
      break;
    }
    if (heldBytes < heldBytesMax) from.resume();
  }, turnMs);
  from.on("close", () => clearInterval(timer));
}
