import { EventEmitter, once } from "node:events";
import { bufferedHttpBodyBytesMax, httpExchangesMax, httpRedirectsMax } from "../../limits.ts";
import { internalError, invalidParams, invalidRequest, RpcError } from "../../protocol/errors.ts";
import type { Emit, HttpEvent, Params, Result } from "../../protocol/methods.ts";
import { loadLibrary } from "../../system/load-library.ts";
import type { Http } from "../http.ts";
import { streamBody, wholeBody } from "./http/body.ts";
import { Exchange } from "./http/exchange.ts";
import { proxyByVariables } from "./http/proxy.ts";
import { redirected } from "./http/redirect.ts";
import { type OutgoingRequest, outgoingRequest } from "./http/request.ts";
import type { HttpTransport, IncomingResponse } from "./http/transport.ts";
import type { Variables } from "./spawn/start/child-env.ts";

/** HTTP requests made by this server, with connections of its own for each client. */
export interface LocalHttp extends Http {
  /** The client has caught up: streams that were paused for it go on. */
  resumeOutput(): void;
  /** Ends every request and stream, and the connections to the servers. */
  close(): Promise<void>;
}

export interface LocalHttpOptions {
  /** The executor's variables: they name proxies, and headers may refer to them. */
  readonly variables: Variables;
  readonly emit: Emit<HttpEvent>;
  /** Largest body that is not streamed, in bytes; 64 MiB when absent. */
  readonly bodyBytesMax?: number;
}

export function localHttp(options: LocalHttpOptions): LocalHttp {
  return new OwnedExchanges(options);
}

/** The open requests and streams of one client. */
class OwnedExchanges implements LocalHttp {
  readonly #options: LocalHttpOptions;
  readonly #exchanges = new Set<Exchange>();
  /** Emits "resumed" when the client has caught up. Every paused stream listens. */
  readonly #output = new EventEmitter().setMaxListeners(httpExchangesMax);
  #transport: Promise<HttpTransport> | undefined;

  constructor(options: LocalHttpOptions) {
    this.#options = options;
  }

  async request(params: Params<"http/request">): Promise<Result<"http/request">> {
    const request = outgoingRequest(params, this.#options.variables);
    const exchange = this.#open(params);
    try {
      const response = await this.#respond(request, params, exchange);
      if (!params.streamResponse) return await this.#buffered(response, exchange);
      // A turn later, when the result is on its way: deltas must not overtake it.
      setImmediate(() => void this.#stream(response, exchange));
      return answer(response, "");
    } catch (error) {
      exchange.end();
      throw error;
    }
  }

  async cancel({ requestId }: Params<"http/cancel">): Promise<Result<"http/cancel">> {
    const cancelled = [...this.#exchanges].filter((other) => other.requestId === requestId);
    for (const exchange of cancelled) exchange.interrupt("cancelled");
    await Promise.all(cancelled.map((exchange) => exchange.ended));
    return {};
  }

  resumeOutput(): void {
    this.#output.emit("resumed");
  }

  async close(): Promise<void> {
    const closed = [...this.#exchanges];
    for (const exchange of closed) exchange.interrupt("closed");
    await Promise.all(closed.map((exchange) => exchange.ended));
    await (await this.#transport)?.close();
  }

  /** Registers the request; from now on the id of a stream is taken. */
  #open({ requestId, streamResponse, timeoutMs }: Params<"http/request">): Exchange {
    const same = (other: Exchange) => other.isStream && other.requestId === requestId;
    if (streamResponse && [...this.#exchanges].some(same)) {
      throw invalidParams(
        `http/request streamResponse requestId \`${requestId}\` is already active`,
      );
    }
    if (this.#exchanges.size >= httpExchangesMax) {
      throw invalidRequest(
        `too many HTTP requests of this connection are open: at most ${httpExchangesMax}; ` +
          "wait for one to end, or cancel it",
      );
    }
    const onEnd = (ended: Exchange) => void this.#exchanges.delete(ended);
    const exchange = new Exchange({ requestId, isStream: streamResponse, timeoutMs, onEnd });
    this.#exchanges.add(exchange);
    return exchange;
  }

  /** Sends the request and follows redirects until there is an answer. */
  async #respond(
    first: OutgoingRequest,
    { redirectPolicy, timeoutMs }: Params<"http/request">,
    exchange: Exchange,
  ): Promise<IncomingResponse> {
    if (timeoutMs === 0) {
      throw internalError("http/request failed: route-aware request timed out");
    }
    let request = first;
    for (let redirects = 0; redirects <= httpRedirectsMax; redirects++) {
      const response = await this.#send(request, exchange);
      const next = redirectPolicy === "stop" ? undefined : redirected(request, response);
      if (next === undefined) return response;
      response.body.destroy();
      request = next;
    }
    throw internalError("http/request failed: too many redirects");
  }

  async #load(): Promise<HttpTransport> {
    this.#transport ??= loadTransport(this.#options.variables);
    try {
      return await this.#transport;
    } catch (error) {
      // Descriptors ran out; the next request tries again.
      this.#transport = undefined;
      throw error;
    }
  }

  async #send(request: OutgoingRequest, exchange: Exchange): Promise<IncomingResponse> {
    try {
      const transport = await this.#load();
      // An interruption rejects at once: the library does not give up while it connects.
      return await exchange.wait(transport.send(request, exchange.signal));
    } catch (error) {
      if (error instanceof RpcError) throw error;
      const what = `error sending request for url (${request.url})`;
      const complaint = exchange.complaint(`${what}: ${exchange.reasonOf(error)}`);
      throw internalError(`http/request failed: ${complaint}`, error);
    }
  }

  async #buffered(response: IncomingResponse, exchange: Exchange) {
    const { bodyBytesMax = bufferedHttpBodyBytesMax } = this.#options;
    try {
      const body = await wholeBody(response.body, bodyBytesMax);
      exchange.end();
      return answer(response, body.toString("base64"));
    } catch (error) {
      if (error instanceof RpcError) throw error;
      const complaint = exchange.complaint(brokenBody);
      throw internalError(`failed to read http/request response body: ${complaint}`, error);
    }
  }

  #stream({ body }: IncomingResponse, exchange: Exchange): Promise<void> {
    const { signal, requestId } = exchange;
    return streamBody(body, {
      requestId,
      emit: (delta) => this.#options.emit("http/request/bodyDelta", delta),
      untilResumed: () => once(this.#output, "resumed", { signal }),
      complaint: () => exchange.complaint(brokenBody),
      beforeLast: () => exchange.end(),
    });
  }
}

const brokenBody = "error decoding response body";

async function loadTransport(variables: Variables): Promise<HttpTransport> {
  const { HttpTransport } = await loadLibrary(() => import("./http/transport.ts"));
  return new HttpTransport(proxyByVariables(variables));
}

/** Headers that are not plain text are left out, as by the reference. */
function answer({ status, headers }: IncomingResponse, bodyBase64: string) {
  const readable = headers.filter(({ value }) => /^[\t\x20-\x7e]*$/.test(value));
  return { status, headers: readable, bodyBase64 };
}
