import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { heartbeatMissesMax } from "../../limits.ts";
import { signsOfLife } from "../../protocol/signs-of-life.ts";

/**
 * Pings every `intervalMs`, to notice a connection that is dead without any packet saying so: a
 * lost network, a frozen machine. Calls `onSilence` once; the timer ends with the socket.
 */
export function watchHeartbeat(socket: WebSocket, intervalMs: number, onSilence: () => void): void {
  socket.once("upgrade", ({ socket: tcp }: IncomingMessage) => {
    const hasShownLife = signsOfLife(tcp);
    let misses = 0;
    const timer = setInterval(() => {
      if (hasShownLife()) misses = 0;
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
