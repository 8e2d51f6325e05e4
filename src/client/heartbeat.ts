import type { WebSocket } from "ws";
import { heartbeatMissesMax } from "../limits.ts";

/**
 * Notices a connection that is dead although no packet said so: a lost network, a frozen machine.
 * Anything that arrives is a sign of life. `onSilence` is called once; the timer ends with the
 * socket.
 */
export function watchHeartbeat(socket: WebSocket, intervalMs: number, onSilence: () => void): void {
  let misses = 0;
  const heard = () => {
    misses = 0;
  };
  const timer = setInterval(() => {
    if (misses++ < heartbeatMissesMax) return socket.ping();
    clearInterval(timer);
    onSilence();
  }, intervalMs).unref();
  for (const sign of ["pong", "ping", "message"]) socket.on(sign, heard);
  socket.on("close", () => clearInterval(timer));
}
