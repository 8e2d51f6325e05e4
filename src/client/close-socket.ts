import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { closingLookIntervalMs, closingLooksMax } from "../limits.ts";
import { signsOfLife } from "../protocol/signs-of-life.ts";

/**
 * Gives how to close a socket so that a program that has nothing else to do can end: it waits for
 * what is still to be sent, and for the other end's part, as long as bytes move. The library alone
 * would wait half a minute on a line that is dead, also when it was the other end that closed it.
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
    // Nothing tells of the other end's close frame; the library looks at what comes before us.
    socket.once("open", () => tcp.on("data", watch));
  });
  return () => {
    socket.close();
    watch();
  };
}
