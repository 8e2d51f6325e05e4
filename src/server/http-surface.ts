import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Record<string, string>;
}

const probes = new Set(["/readyz", "/livez"]);

/** Answers plain HTTP: the two probes, and a clear refusal for everything else. */
export function answerHttp(request: IncomingMessage, response: ServerResponse): void {
  const { status, text, headers } = plainAnswer(request);
  response.writeHead(status, { "content-length": Buffer.byteLength(text), ...headers });
  response.end(request.method === "HEAD" ? undefined : text);
}

function plainAnswer(request: IncomingMessage): Refusal {
  const path = pathOf(request);
  if (hasOrigin(request)) return fromBrowser;
  if (probes.has(path)) return isRead(request) ? { status: 200, text: "" } : notRead;
  if (path !== "/") return notHere;
  if (request.method !== "GET") return notRead;
  return { status: 400, text: "Connection header did not include 'upgrade'" };
}

/** Why a WebSocket may not be opened by this request, or undefined. */
export function refusalOfUpgrade(request: IncomingMessage): Refusal | undefined {
  if (hasOrigin(request)) return fromBrowser;
  if (pathOf(request) !== "/") return notHere;
  if (request.method !== "GET") return notRead;
  return undefined;
}

/** Refuses an upgrade, whose socket the HTTP server has let go of. */
export function refuseUpgrade(socket: Duplex, { status, text, headers }: Refusal): void {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "connection: close",
    `content-length: ${Buffer.byteLength(text)}`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`);
}

const pathOf = (request: IncomingMessage) => (request.url ?? "/").split("?", 1)[0] ?? "/";
const isRead = (request: IncomingMessage) => request.method === "GET" || request.method === "HEAD";

/** Browsers name the page's origin with every WebSocket; no other client does. So a web page cannot
 * reach a server on localhost, not even after DNS rebinding. */
const hasOrigin = (request: IncomingMessage) => request.headers.origin !== undefined;

const fromBrowser: Refusal = { status: 403, text: "" };
const notHere: Refusal = { status: 404, text: "" };
const notRead: Refusal = { status: 405, text: "", headers: { allow: "GET,HEAD" } };
