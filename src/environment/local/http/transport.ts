/**
 * The only file that uses the HTTP library. It is loaded with the first request, because that takes
 * longer than starting the server.
 */
import { Buffer } from "node:buffer";
import { setMaxListeners } from "node:events";
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { httpHeaderBytesMax } from "../../../limits.ts";
import type { ProxyOf } from "./proxy.ts";
import { basicAuthorization, type Header, type OutgoingRequest } from "./request.ts";

export interface IncomingResponse {
  readonly status: number;
  /** Names in lower case, values with one char per byte. */
  readonly headers: readonly Header[];
  /** The raw body, still encoded; destroying it closes the connection. */
  readonly body: Readable;
}

type Options = Dispatcher.RequestOptions;

/** The caller limits the time of the whole exchange; zero turns the library's limits off. */
const agentOptions = {
  headersTimeout: 0,
  bodyTimeout: 0,
  maxHeaderSize: httpHeaderBytesMax,
  allowH2: false,
};

/** The connections of one client to servers and proxies. */
export class HttpTransport {
  readonly #proxyOf: ProxyOf;
  readonly #closing = new AbortController();
  readonly #connect = { timeout: 0, signal: this.#closing.signal };
  readonly #agent = new Agent({ ...agentOptions, connect: this.#connect });
  /** By the URL of the proxy; at most as many as there are variables for proxies. */
  readonly #tunnels = new Map<string, ProxyAgent>();

  constructor(proxyOf: ProxyOf) {
    this.#proxyOf = proxyOf;
    // Every socket adds a listener.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Sends a request; settles when the headers of its response have come. */
  async send(request: OutgoingRequest, signal: AbortSignal): Promise<IncomingResponse> {
    // Before it reuses a connection the library checks whether the server has closed it, but it
    // learns of that only in the turn after this request was read.
    await setImmediate();
    const { method, body } = request;
    const response = await this.#dispatch(request, {
      method,
      body: body ?? null,
      signal,
      responseHeaders: "raw",
    });
    // The reader of the body gets its error. Until there is one, an error without a listener would
    // end the process.
    response.body.on("error", () => {});
    return {
      status: response.statusCode,
      // With `responseHeaders: "raw"` they are a flat list, which the library's types do not know.
      headers: paired(response.headers as unknown as string[]),
      body: response.body,
    };
  }

  /** Closes every connection, also during a response. */
  async close(): Promise<void> {
    await Promise.all([this.#agent, ...this.#tunnels.values()].map((agent) => agent.destroy()));
    // The library does not end attempts to connect, which could last for minutes.
    this.#closing.abort();
  }

  #dispatch(request: OutgoingRequest, options: Omit<Options, "path">) {
    const { url } = request;
    const proxy = this.#proxyOf(url);
    const path = url.pathname + url.search;
    const { origin } = url;
    if (proxy === undefined) {
      return this.#agent.request({ ...options, origin, path, headers: flat(request.headers) });
    }
    if (url.protocol === "https:") {
      const headers = grouped(request.headers);
      return this.#tunnel(proxy).request({ ...options, origin, path, headers });
    }
    // A proxy sees plain HTTP anyway, so it gets the whole URL, without a tunnel.
    const headers = flat(headersForProxy(request, proxy));
    return this.#agent.request({ ...options, origin: proxy.origin, path: url.href, headers });
  }

  #tunnel(proxy: URL): ProxyAgent {
    const known = this.#tunnels.get(proxy.href);
    if (known) return known;
    const tunnel = new ProxyAgent({
      ...agentOptions,
      uri: proxy.href,
      requestTls: this.#connect,
      proxyTls: this.#connect,
    });
    this.#tunnels.set(proxy.href, tunnel);
    return tunnel;
  }
}

function headersForProxy({ url, headers }: OutgoingRequest, proxy: URL): Header[] {
  const authorization = basicAuthorization(proxy);
  return [
    ...(headers.some(({ name }) => name === "host") ? [] : [{ name: "host", value: url.host }]),
    ...headers,
    ...(authorization ? [{ name: "proxy-authorization", value: authorization }] : []),
  ];
}

const flat = (headers: readonly Header[]) =>
  headers.flatMap(({ name, value }) => [name, utf8Bytes(value)]);

/**
 * Groups values by name, because a tunnel takes an object, and of repeated names in a list only the
 * last.
 */
function grouped(headers: readonly Header[]): Record<string, string | string[]> {
  const groups = new Map<string, string[]>();
  for (const { name, value } of headers) {
    groups.set(name, [...(groups.get(name) ?? []), utf8Bytes(value)]);
  }
  return Object.fromEntries(
    [...groups].map(([name, values]) => [name, values.length > 1 ? values : (values[0] ?? "")]),
  );
}

/** The library writes one byte per char; this makes those bytes UTF-8, as in the reference. */
const utf8Bytes = (value: string) => Buffer.from(value, "utf8").toString("latin1");

function paired(flatHeaders: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let at = 0; at + 1 < flatHeaders.length; at += 2) {
    const [name = "", value = ""] = flatHeaders.slice(at, at + 2);
    headers.push({ name: name.toLowerCase(), value });
  }
  return headers;
}
