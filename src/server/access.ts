import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { FailedAttempts } from "./failed-attempts.ts";
import { wantsWebSocket } from "./http-surface.ts";
import type { Log } from "./log.ts";
import type { Refusal } from "./refusal.ts";

/** Why a request may not open a WebSocket or read the metrics; undefined when it may. */
export type Access = (request: IncomingMessage) => Promise<Refusal | undefined>;

/** Why a token is not good; undefined when it is. The answer never contains the token. */
export type CheckToken = (token: string) => string | undefined | Promise<string | undefined>;

/** Everybody may, by the operator's explicit wish. */
export const openAccess: Access = async () => undefined;

/**
 * Everybody on this machine may, but no web page: a browser names the origin of a page that opens a
 * WebSocket, but not of one that reads from where it came, and by DNS rebinding that can be here.
 * Such a page has come by a name of the web.
 */
export const loopbackAccess: Access = async (request) =>
  wantsWebSocket(request) || isNameOfThisMachine(request.headers.host) ? undefined : wrongHost;

function isNameOfThisMachine(host = "localhost"): boolean {
  const name = host.replace(/:\d*$/, "").toLowerCase();
  return isIP(name.replace(/^\[|\]$/g, "")) !== 0 || /^(?:.+\.)?localhost$/.test(name);
}

const wrongHost: Refusal = {
  status: 403,
  text: "without a token only a request to an IP address or to localhost is answered; see Host\n",
};

/**
 * Only those with a good token may. An address that tried too many bad ones is told to wait, and
 * its bad tokens are not logged any more; a request without a token guesses nothing and does not
 * count. A good token is good from everywhere: whoever shares an address with one who guesses (a
 * proxy, a port forwarding) must not be locked out by it.
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

/** The token of `Bearer TOKEN`, the scheme in any case, spaces around the token aside. */
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
