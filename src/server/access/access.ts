import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Log } from "../watch/log.ts";
import { FailedAttempts } from "./failed-attempts.ts";
import type { Refusal } from "./http-answer.ts";

/** Why a request may not open a WebSocket or read the metrics; undefined when it may. */
export type Access = (request: IncomingMessage) => Promise<Refusal | undefined>;

/** Why a token is not good; undefined when it is. The answer never contains the token. */
export type CheckToken = (token: string) => string | undefined | Promise<string | undefined>;

/** Everybody may, by the operator's explicit wish. */
export const openAccess: Access = async () => undefined;

/**
 * Everybody on this machine may, but no web page. A browser sends the origin of a page that opens a
 * WebSocket, so that is refused elsewhere. It sends none with a plain read from the page's own
 * host, which DNS rebinding can turn into this machine; such a request names a public host.
 */
export const loopbackAccess: Access = async (request) =>
  wantsWebSocket(request) || isNameOfThisMachine(request.headers.host) ? undefined : wrongHost;

/** Whether the request asks for an upgrade to WebSocket. */
export const wantsWebSocket = ({ headers }: IncomingMessage) =>
  headers.upgrade?.trim().toLowerCase() === "websocket";

function isNameOfThisMachine(host = "localhost"): boolean {
  const name = host.replace(/:\d*$/, "").toLowerCase();
  return isIP(name.replace(/^\[|\]$/g, "")) !== 0 || /^(?:.+\.)?localhost$/.test(name);
}

const wrongHost: Refusal = {
  status: 403,
  text: "without a token only a request to an IP address or to localhost is answered; see Host\n",
};

/**
 * Only requests with a valid token may. An address that sent too many bad tokens is told to wait,
 * and its further bad tokens are not logged; a request without a token is no guess and does not
 * count. A valid token is accepted even from such an address, which clients may share with an
 * attacker, behind a proxy for example.
 */
export function tokenAccess(check: CheckToken, log: Log): Access {
  const failedAttempts = new FailedAttempts();
  return async (request) => {
    const { authorization } = request.headers;
    if (authorization === undefined) return unauthorized("missing websocket bearer token");
    const token = bearerToken(authorization);
    const reason = token === undefined ? "invalid authorization header" : await check(token);
    if (reason === undefined) return undefined;
    const address = request.socket.remoteAddress ?? "";
    const waitMs = failedAttempts.waitMs(address);
    if (waitMs > 0) return tooManyAttempts(waitMs);
    log("warn", "access refused", { address, reason });
    if (failedAttempts.add(address)) {
      log("warn", "too many refused tokens; the address has to wait", { address });
    }
    return unauthorized(reason);
  };
}

/** The token in `Bearer TOKEN`, with the scheme in any case and any spaces around the token. */
function bearerToken(authorization: string): string | undefined {
  const [, token] = /^bearer\s+(\S.*?)\s*$/i.exec(authorization.trim()) ?? [];
  return token;
}

const unauthorized = (text: string): Refusal => ({
  status: 401,
  text,
  headers: { "www-authenticate": "Bearer" },
});

function tooManyAttempts(waitMs: number): Refusal {
  const seconds = Math.ceil(waitMs / 1000);
  return {
    status: 429,
    text: `too many refused tokens from this address; try again in ${seconds} s`,
    headers: { "retry-after": String(seconds) },
  };
}
