import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { heartbeatMissesMax } from "../limits.ts";

/**
 * Notices a connection that is dead although no packet said so: a lost network, a frozen machine.
 * Any byte that arrives is a sign of life: a pong would have to wait behind a long message.
 * `onSilence` is called once; the timer ends with the socket.
 */
export function watchHeartbeat(socket: WebSocket, intervalMs: number, onSilence: () => void): void {
  socket.once("upgrade", ({ socket: tcp }: IncomingMessage) => {
    let bytesRead = 0;
    let misses = 0;
    const timer = setInterval(() => {
      if (tcp.bytesRead > bytesRead) misses = 0;
      bytesRead = tcp.bytesRead;
      if (misses++ < heartbeatMissesMax) return beat(socket);
      clearInterval(timer);
      onSilence();
    }, intervalMs).unref();
    socket.on("close", () => clearInterval(timer));
  });
}

function beat(socket: WebSocket): void {
  if (socket.readyState === socket.OPEN) socket.ping();
}
