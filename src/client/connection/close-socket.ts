import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { closingLookIntervalMs, closingLooksMax } from "../../limits.ts";
import { signsOfLife } from "../../protocol/signs-of-life.ts";

/**
 * Makes a function that closes the socket, and lets an otherwise idle program end: it waits for
 * unsent bytes and for the other end's close only as long as bytes move. `ws` alone would wait half
 * a minute on a dead connection, also when the other end closed first.
 */
export function closerOf(socket: WebSocket, lookIntervalMs = closingLookIntervalMs): () => void {
  let hasShownLife = () => false;
  let timer: NodeJS.Timeout | undefined;
  const watch = () => {
    if (timer || socket.readyState !== socket.CLOSING) return;
    hasShownLife();
    let silentLooks = 0;
    timer = setInterval(() => {
      silentLooks = hasShownLife() ? 0 : silentLooks + 1;
      if (silentLooks === closingLooksMax) socket.terminate();
    }, lookIntervalMs).unref();
    socket.once("close", () => clearInterval(timer));
  };
  socket.once("upgrade", ({ socket: tcp }: IncomingMessage) => {
    hasShownLife = signsOfLife(tcp);
    // No event tells that the other end's close frame came. This listener runs after that of `ws`,
    // which reads the frame.
    socket.once("open", () => tcp.on("data", watch));
  });
  return () => {
    socket.close();
    watch();
  };
}
