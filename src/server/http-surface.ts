import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Access } from "./access.ts";
import type { Log } from "./log.ts";
import type { Refusal } from "./refusal.ts";

/** What the listener tells over plain HTTP, besides opening WebSockets. */
export interface HttpSurface {
  readonly access: Access;
  /** Why no new client can be served now, in sentences; empty when it can. */
  readonly hindrances: () => readonly string[];
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly log: Log;
}

/** Answers plain HTTP: the probes, the metrics, and a clear refusal for everything else. */
export async function answerHttp(
  surface: HttpSurface,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, text, headers } = await plainAnswer(surface, request);
  response.writeHead(status, { "content-length": Buffer.byteLength(text), ...headers });
  response.end(request.method === "HEAD" ? undefined : text);
}

/**
 * Answers by hand what wants another protocol than WebSocket, such as a probe that offers h2c: it
 * may be answered as if it had not asked (RFC 9110), but Node has let go of its socket.
 */
export async function answerOtherUpgrade(
  surface: HttpSurface,
  request: IncomingMessage,
  socket: Duplex,
): Promise<void> {
  respond(socket, await plainAnswer(surface, request), request.method);
}

/** Whether the upgrade that is asked for is one to a WebSocket. */
export const wantsWebSocket = ({ headers }: IncomingMessage) =>
  headers.upgrade?.trim().toLowerCase() === "websocket";

async function plainAnswer(surface: HttpSurface, request: IncomingMessage): Promise<Refusal> {
  if (hasOrigin(request)) return fromBrowser;
  switch (pathOf(request)) {
    case "/livez":
      return isRead(request) ? fine : notRead;
    case "/readyz":
      return isRead(request) ? readiness(surface) : notRead;
    case "/metrics":
      return isRead(request) ? metrics(surface, request) : notRead;
    case "/":
      return request.method === "GET" ? notUpgraded : notRead;
    default:
      return notHere;
  }
}

function readiness({ hindrances }: HttpSurface): Refusal {
  const reasons = hindrances();
  return reasons.length === 0 ? fine : { status: 503, text: `${reasons.join("\n")}\n` };
}

async function metrics(surface: HttpSurface, request: IncomingMessage): Promise<Refusal> {
  const refusal = await surface.access(request);
  if (refusal) return refusal;
  try {
    const { contentType, text } = await surface.metrics();
    return { status: 200, text, headers: { "content-type": contentType } };
  } catch (error) {
    const complaint = `the metrics cannot be told: ${(error as Error).message}`;
    surface.log("error", complaint);
    return { status: 500, text: `${complaint}\n` };
  }
}

/** Why a WebSocket may not be opened by this request, whoever makes it; or undefined. */
export function refusalOfUpgrade(request: IncomingMessage): Refusal | undefined {
  if (hasOrigin(request)) return fromBrowser;
  if (pathOf(request) !== "/") return notHere;
  if (request.method !== "GET") return notRead;
  return undefined;
}

/** Refuses an upgrade, whose socket the HTTP server has let go of. */
export const refuseUpgrade = (socket: Duplex, refusal: Refusal) => respond(socket, refusal);

function respond(socket: Duplex, { status, text, headers }: Refusal, method = "GET"): void {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "connection: close",
    `content-length: ${Buffer.byteLength(text)}`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  // A client that never closes its end would keep the socket open.
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n${method === "HEAD" ? "" : text}`);
}

const pathOf = (request: IncomingMessage) => (request.url ?? "/").split("?", 1)[0] ?? "/";
const isRead = (request: IncomingMessage) => request.method === "GET" || request.method === "HEAD";

/** Browsers name the page's origin with every WebSocket; no other client does. So a web page cannot
 * open one to a server on localhost, not even after DNS rebinding. */
const hasOrigin = (request: IncomingMessage) => request.headers.origin !== undefined;

const fine: Refusal = { status: 200, text: "" };
const fromBrowser: Refusal = { status: 403, text: "" };
const notHere: Refusal = { status: 404, text: "" };
const notRead: Refusal = { status: 405, text: "", headers: { allow: "GET,HEAD" } };
const notUpgraded: Refusal = {
  status: 400,
  text: "Connection header did not include 'upgrade'",
};
