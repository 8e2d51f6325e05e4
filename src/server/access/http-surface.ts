import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Log } from "../watch/log.ts";
import type { MetricsText } from "../watch/metrics.ts";
import type { Access } from "./access.ts";
import type { HttpAnswer, Refusal } from "./http-answer.ts";

/** What the listener offers over plain HTTP, besides opening WebSockets. */
export interface HttpSurface {
  readonly access: Access;
  /** The reasons, in sentences, why no new client can be served now; empty when one can. */
  readonly hindrances: () => readonly string[];
  readonly metrics: () => Promise<MetricsText>;
  readonly log: Log;
}

/** Answers a plain HTTP request: probes, metrics, and a refusal with a reason for all else. */
export async function answerHttp(
  surface: HttpSurface,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, text, headers } = await plainAnswer(surface, request);
  response.writeHead(status, { "content-length": Buffer.byteLength(text), ...headers });
  // Node leaves the text out of the answer to HEAD.
  response.end(text);
}

/**
 * Answers a request to upgrade to another protocol than WebSocket, such as a probe that offers h2c.
 * RFC 9110 lets a server ignore such an offer and answer as usual, but Node has detached the socket
 * from its HTTP server by then, so the answer is written here.
 */
export async function answerOtherUpgrade(
  surface: HttpSurface,
  request: IncomingMessage,
  socket: Duplex,
): Promise<void> {
  respond(socket, await plainAnswer(surface, request), request.method);
}

async function plainAnswer(surface: HttpSurface, request: IncomingMessage): Promise<HttpAnswer> {
  if (hasOrigin(request)) return forbiddenToPages;
  switch (pathOf(request)) {
    case "/livez":
      return isGetOrHead(request) ? ok : methodNotAllowed;
    case "/readyz":
      return isGetOrHead(request) ? readiness(surface) : methodNotAllowed;
    case "/metrics":
      return isGetOrHead(request) ? metrics(surface, request) : methodNotAllowed;
    case "/":
      return request.method === "GET" ? upgradeMissing : methodNotAllowed;
    default:
      return notFound;
  }
}

function readiness({ hindrances }: HttpSurface): HttpAnswer {
  const reasons = hindrances();
  return reasons.length === 0 ? ok : { status: 503, text: `${reasons.join("\n")}\n` };
}

async function metrics(surface: HttpSurface, request: IncomingMessage): Promise<HttpAnswer> {
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

/** Why no client may open a WebSocket by such a request; undefined when it is well formed. */
export function refusalOfUpgrade(request: IncomingMessage): Refusal | undefined {
  if (hasOrigin(request)) return forbiddenToPages;
  if (pathOf(request) !== "/") return notFound;
  if (request.method !== "GET") return methodNotAllowed;
  return undefined;
}

/** Refuses an upgrade on its socket, which Node has detached from the HTTP server. */
export const refuseUpgrade = (socket: Duplex, refusal: Refusal) => respond(socket, refusal);

function respond(socket: Duplex, { status, text, headers }: HttpAnswer, method = "GET"): void {
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
const isGetOrHead = (request: IncomingMessage) =>
  request.method === "GET" || request.method === "HEAD";

/**
 * Browsers send the page's origin when they open a WebSocket; no other client does. Refusing it
 * keeps web pages away from a server on localhost, even after DNS rebinding.
 */
const hasOrigin = (request: IncomingMessage) => request.headers.origin !== undefined;

const ok: HttpAnswer = { status: 200, text: "" };
const forbiddenToPages: Refusal = { status: 403, text: "" };
const notFound: Refusal = { status: 404, text: "" };
const methodNotAllowed: Refusal = { status: 405, text: "", headers: { allow: "GET,HEAD" } };
const upgradeMissing: Refusal = {
  status: 400,
  text: "Connection header did not include 'upgrade'",
};
