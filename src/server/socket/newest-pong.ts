import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";

/**
 * Answers a client's pings: at once while nothing waits to be sent, else only the newest one, as
 * RFC 6455 allows in section 5.5.3. The library would queue a pong for each ping and cut the
 * connection at sixty, which a client reaches that pings every ten seconds during a long answer.
 */
export function answerPings(webSocket: WebSocket, tcp: Socket): void {
  let waitingPongs = 0;
  let newest: Buffer | undefined;
  const answer = (payload: Buffer) => {
    newest = undefined;
    waitingPongs++;
    webSocket.pong(payload, false, onWritten);
  };
  const onWritten = () => {
    waitingPongs--;
    if (newest && webSocket.readyState === webSocket.OPEN) answer(newest);
  };
  webSocket.on("ping", (payload: Buffer) => {
    if (webSocket.readyState !== webSocket.OPEN) return;
    if (waitingPongs === 0 || tcp.writableLength === 0) answer(payload);
    // Copied, because the payload would keep the whole block of memory it was read into.
    else newest = Buffer.from(payload);
  });
}
