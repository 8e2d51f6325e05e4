import { internalError } from "../../../protocol/errors.ts";
import { bareUrl, type Header, isHttp, type OutgoingRequest } from "./request.ts";

interface Answered {
  readonly status: number;
  readonly headers: readonly Header[];
}

const redirectStatuses = [301, 302, 303, 307, 308];

const credentialNames = ["authorization", "cookie", "cookie2", "proxy-authorization", "host"];
const bodyNames = ["content-type", "content-encoding"];

/**
 * Returns the request to send instead, or undefined when the response is the answer. Throws -32603
 * for a redirect to something that is not HTTP.
 */
export function redirected(
  request: OutgoingRequest,
  response: Answered,
): OutgoingRequest | undefined {
  const url = redirectTarget(request, response);
  if (url === undefined) return undefined;
  if (!isHttp(url)) {
    throw internalError(
      `http/request failed: redirect to ${url.protocol.slice(0, -1)}, which is neither http nor https`,
    );
  }
  const dropped = ["referer", ...(url.origin === request.url.origin ? [] : credentialNames)];
  const isRewritten = turnsIntoGet(request, response);
  if (isRewritten) dropped.push(...bodyNames);
  return {
    method: isRewritten && request.method !== "HEAD" ? "GET" : request.method,
    body: isRewritten ? undefined : request.body,
    url: bareUrl(url),
    headers: [
      ...request.headers.filter(({ name }) => !dropped.includes(name)),
      ...referer(request.url, url),
    ],
  };
}

/**
 * Whether a GET without a body follows, or a HEAD after a HEAD: the same rule as in the reference
 * and in browsers. A DELETE or PUT that was moved must not become a read that seems to succeed.
 */
const turnsIntoGet = ({ method }: OutgoingRequest, { status }: Answered) =>
  status === 303 || (method === "POST" && (status === 301 || status === 302));

function redirectTarget(request: OutgoingRequest, { status, headers }: Answered): URL | undefined {
  if (!redirectStatuses.includes(status)) return undefined;
  const location = headers.find(({ name }) => name === "location")?.value;
  if (location === undefined || !URL.canParse(location, request.url.href)) return undefined;
  return new URL(location, request.url);
}

/**
 * The referer. None from https to http; to another origin only the own origin, because path and
 * query may hold secrets.
 */
function referer(from: URL, to: URL): Header[] {
  const isDowngrade = from.protocol === "https:" && to.protocol === "http:";
  const value = from.origin === to.origin ? from.href : `${from.origin}/`;
  return isDowngrade ? [] : [{ name: "referer", value }];
}
