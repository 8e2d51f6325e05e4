import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Server as TlsServer } from "node:tls";
import { WebSocketServer } from "ws";
import type { SocketCalls } from "../environment/local/libc/socket-calls.ts";
import {
  type Limits,
  libraryMessageBytesMax,
  requestHeadLookMs,
  requestHeadMs,
  shutdownGraceMs,
} from "../limits.ts";
import { wantsWebSocket } from "./access/access.ts";
import type { Refusal } from "./access/http-answer.ts";
import {
  answerHttp,
  answerOtherUpgrade,
  type HttpSurface,
  refusalOfUpgrade,
  refuseUpgrade,
} from "./access/http-surface.ts";
import { type ListenAddress, listenUrlOf } from "./listen-url.ts";
import { Newcomers } from "./newcomers.ts";
import { readFramesAhead } from "./socket/inbound-frames.ts";
import { OrderlySocket } from "./socket/orderly-socket.ts";
import type { Log } from "./watch/log.ts";

export interface Listener {
  /** `ws://IP:PORT` with the real port, `wss:` when the connections are encrypted. */
  readonly url: string;
  /** Uses other files for new connections, if connections are encrypted at all. */
  encryptWith(tls: TlsFiles): void;
  /** Takes no more connections and closes the open ones. Settles when all are gone. */
  close(): Promise<void>;
}

/** Certificate chain and private key, in PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface ListenOptions extends Pick<SocketCalls, "readAtOnce"> {
  readonly address: ListenAddress;
  /** Absent: connections are not encrypted. */
  readonly tls?: TlsFiles | undefined;
  readonly surface: HttpSurface;
  readonly limits: Pick<Limits, "connectionsMax" | "messageBytesMax">;
  readonly log: Log;
  /** Called for each connection that was upgraded. */
  readonly accept: (socket: OrderlySocket, request: IncomingMessage) => void;
  /** Called for each upgrade that was refused. */
  readonly refused: (refusal: Refusal) => void;
}

/** Listens for WebSockets and plain HTTP. Fails with the system's error. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const webSockets = makeWebSockets(options.limits);
  const http = await makeServer(options.tls);
  const newcomers = new Newcomers(options.log);
  http.on("tlsClientError", (error, socket: Socket) => logFailedTls(options.log, error, socket));
  http.on("request", (request, response) => {
    answerHttp(options.surface, request, response).catch((error) => {
      options.log("error", `${request.method} request failed: ${error}`);
      response.destroy();
    });
  });
  http.on("connection", (socket: Socket) => newcomers.add(socket));
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgrade(options, { webSockets, newcomers }, { request, socket, head }).catch((error) => {
      options.log("error", `${request.method} upgrade failed: ${error}`);
      socket.destroy();
    });
  });
  const sockets = openSockets(http);
  http.listen(options.address);
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  return {
    url: listenUrlOf(options.tls ? "wss" : "ws", { host: options.address.host, port }),
    encryptWith: (tls) => http.setSecureContext?.(encryptedBy(tls)),
    close: () => closeListener({ http, webSockets, sockets }),
  };
}

function makeWebSockets({ messageBytesMax }: ListenOptions["limits"]) {
  return new WebSocketServer({
    noServer: true,
    WebSocket: OrderlySocket,
    // The library takes the lower 32 bits of it, with their sign.
    maxPayload: Math.min(messageBytesMax, libraryMessageBytesMax),
    perMessageDeflate: false,
    autoPong: false,
    handleProtocols: () => false,
  });
}

/**
 * Load balancers probe the port every few seconds and hang up, which is not worth a warning. A
 * client that does not trust the certificate often has nobody else to tell.
 */
function logFailedTls(log: Log, error: NodeJS.ErrnoException, socket: Socket): void {
  const level = error.code === "ECONNRESET" ? "debug" : "warn";
  const fields = { address: socket.remoteAddress, reason: tlsReason(error) };
  log(level, "TLS handshake failed", fields);
}

/** OpenSSL's own reason, such as `http request`; its message has addresses and lines of source. */
const tlsReason = (error: Error & { readonly reason?: string }) => error.reason ?? error.message;

type WebSockets = ReturnType<typeof makeWebSockets>;

type AnyServer = Server & Partial<Pick<TlsServer, "setSecureContext">>;

async function makeServer(tls: TlsFiles | undefined): Promise<AnyServer> {
  const bounds = {
    headersTimeout: requestHeadMs,
    connectionsCheckingInterval: requestHeadLookMs,
  };
  if (!tls) return createServer(bounds);
  const https = await import("node:https");
  return https.createServer({ ...bounds, ...encryptedBy(tls), handshakeTimeout: requestHeadMs });
}

const encryptedBy = (tls: TlsFiles) => ({ ...tls, minVersion: "TLSv1.2" }) as const;

interface Sockets {
  readonly newcomers: Newcomers;
  readonly webSockets: WebSockets;
}

interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

async function upgrade(
  options: ListenOptions,
  { newcomers, webSockets }: Sockets,
  { request, socket, head }: UpgradeRequest,
): Promise<void> {
  // Until the socket is a WebSocket nothing else listens for its errors, and Node would throw them.
  const onError = () => socket.destroy();
  socket.on("error", onError);
  if (!wantsWebSocket(request)) return answerOtherUpgrade(options.surface, request, socket);
  const refusal =
    refusalOfUpgrade(request) ??
    (await refusalOfClient(options, request)) ??
    refusalOfExcess(options, webSockets);
  if (refusal) {
    options.refused(refusal);
    return refuseUpgrade(socket, refusal);
  }
  if (socket.destroyed) return;
  socket.off("error", onError);
  newcomers.arrived(request.socket);
  webSockets.handleUpgrade(request, socket, head, (opened) => {
    const { limits, readAtOnce } = options;
    opened.messageBytesMax = limits.messageBytesMax;
    const reading = { limits, readAtOnce, hear: (message: Buffer) => opened.hear(message) };
    // The library already holds frames that came before this answer, the last maybe incomplete.
    if (socket.readableLength === 0) readFramesAhead(socket as Socket, reading);
    options.accept(opened, request);
  });
}

async function refusalOfClient(options: ListenOptions, request: IncomingMessage) {
  try {
    return await options.surface.access(request);
  } catch (error) {
    // An access check that throws must not admit a client.
    options.log("error", `the access check failed: ${error}`);
    return checkFailed;
  }
}

const checkFailed: Refusal = { status: 500, text: "the access check failed" };

function refusalOfExcess({ limits }: ListenOptions, { clients }: WebSockets) {
  if (clients.size < limits.connectionsMax) return undefined;
  const text =
    `this server has its maximum of ${limits.connectionsMax} connections; close one, or start it ` +
    "with a larger --max-connections";
  return { status: 503, text } satisfies Refusal;
}

/**
 * All open TCP connections, also those whose TLS handshake never ends, which Node does not list.
 */
function openSockets(http: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  http.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

interface Open {
  readonly http: Server;
  readonly webSockets: WebSockets;
  readonly sockets: ReadonlySet<Socket>;
}

async function closeListener({ http, webSockets, sockets }: Open): Promise<void> {
  // The HTTP server is done when the last socket closes, the other when it has heard of that.
  const closed = Promise.all(
    [http, webSockets].map((server) => new Promise((resolve) => server.close(resolve))),
  );
  for (const socket of webSockets.clients) socket.close(1001, "server is stopping");
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, shutdownGraceMs);
  await closed;
  clearTimeout(cut);
}
