import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { messageBytesMax, shutdownGraceMs } from "../limits.ts";
import { answerHttp, refusalOfUpgrade, refuseUpgrade } from "./http-surface.ts";
import { type ListenAddress, listenUrlOf } from "./listen-url.ts";

export interface Listener {
  /** `ws://IP:PORT` with the real port. */
  readonly url: string;
  /** Takes no more connections, closes those that are open, and is done when all are gone. */
  close(): Promise<void>;
}

/** Who gets each connection that was upgraded. */
export type Accept = (socket: WebSocket, tcp: Socket) => void;

/** Listens for WebSockets and the HTTP probes. Fails with the system's error. */
export async function listen(address: ListenAddress, accept: Accept): Promise<Listener> {
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    handleProtocols: () => false,
  });
  const http = createServer(answerHttp);
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalOfUpgrade(request);
    if (refusal) return refuseUpgrade(socket, refusal);
    webSockets.handleUpgrade(request, socket, head, (opened) => accept(opened, request.socket));
  });
  await listening(http, address);
  const { port } = http.address() as AddressInfo;
  return {
    url: listenUrlOf({ host: address.host, port }),
    close: () => closeListener(http, webSockets),
  };
}

function listening(http: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen({ host, port }, () => {
      http.off("error", reject);
      resolve();
    });
  });
}

async function closeListener(http: Server, webSockets: WebSocketServer): Promise<void> {
  const closed = new Promise<void>((resolve) => http.close(() => resolve()));
  for (const socket of webSockets.clients) socket.close(1001, "server is stopping");
  const cut = setTimeout(() => {
    for (const socket of webSockets.clients) socket.terminate();
    http.closeAllConnections();
  }, shutdownGraceMs);
  await closed;
  clearTimeout(cut);
}
