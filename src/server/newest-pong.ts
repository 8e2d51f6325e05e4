import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";

/**
 * Answers the pings of a client: at once while nothing waits to be sent, else only the newest, as
 * RFC 6455 allows in section 5.5.3. The library's own pongs wait each for itself, and it cuts the
 * connection when sixty do: one that pings every ten seconds while a long answer is on its way.
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
    // Copied, or it would keep all that was read with it.
    else newest = Buffer.from(payload);
  });
}
