/**
 * The only file that knows the HTTP library, loaded with the first request: loading it takes longer
 * than starting the server.
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
  /** As it came over the network; destroying it closes the connection. */
  readonly body: Readable;
}

type Options = Dispatcher.RequestOptions;

/** Time is limited by whoever asks, for the whole exchange; zero turns the library's limits off. */
const agentOptions = {
  headersTimeout: 0,
  bodyTimeout: 0,
  maxHeaderSize: httpHeaderBytesMax,
  allowH2: false,
};

/** The connections to servers and proxies of one owner. */
export class HttpTransport {
  readonly #proxyOf: ProxyOf;
  readonly #closing = new AbortController();
  readonly #connect = { timeout: 0, signal: this.#closing.signal };
  readonly #agent = new Agent({ ...agentOptions, connect: this.#connect });
  /** By the URL of the proxy: no more than there are variables that name one. */
  readonly #tunnels = new Map<string, ProxyAgent>();

  constructor(proxyOf: ProxyOf) {
    this.#proxyOf = proxyOf;
    // Every socket listens to it.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Sends one request; settles when the headers of its response are there. */
  async send(request: OutgoingRequest, signal: AbortSignal): Promise<IncomingResponse> {
    // The library looks once whether a server has closed the connection that is to be used again,
    // but not at what came after this request was read: that is known a turn later.
    await setImmediate();
    const { method, body } = request;
    const response = await this.#dispatch(request, {
      method,
      body: body ?? null,
      signal,
      responseHeaders: "raw",
    });
    // Whoever reads the body sees its error; until then nobody listens, which would be fatal.
    response.body.on("error", () => {});
    return {
      status: response.statusCode,
      // Asked for as they came: a flat list, which the library's types do not know.
      headers: paired(response.headers as unknown as string[]),
      body: response.body,
    };
  }

  /** Cuts every connection, also one with a response on it. */
  async close(): Promise<void> {
    await Promise.all([this.#agent, ...this.#tunnels.values()].map((agent) => agent.destroy()));
    // The library leaves alone what is still connecting; that could last minutes.
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
    // What a proxy can see anyway it is asked for by the whole URL; that needs no tunnel.
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

/** A tunnel takes headers by name only, and of repeats in a list just the last. */
function grouped(headers: readonly Header[]): Record<string, string | string[]> {
  const groups = new Map<string, string[]>();
  for (const { name, value } of headers) {
    groups.set(name, [...(groups.get(name) ?? []), utf8Bytes(value)]);
  }
  return Object.fromEntries(
    [...groups].map(([name, values]) => [name, values.length > 1 ? values : (values[0] ?? "")]),
  );
}

/** The library writes one byte per char; UTF-8 is what the reference sends. */
const utf8Bytes = (value: string) => Buffer.from(value, "utf8").toString("latin1");

function paired(flatHeaders: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let at = 0; at + 1 < flatHeaders.length; at += 2) {
    const [name = "", value = ""] = flatHeaders.slice(at, at + 2);
    headers.push({ name: name.toLowerCase(), value });
  }
  return headers;
}
