import { Buffer } from "node:buffer";
import type { Http } from "../../environment/http.ts";
import type { Result } from "../../protocol/methods.ts";
import { type CallOptions, perform } from "../calls/perform.ts";
import type { BodyStreams } from "./body-streams.ts";

/** An HTTP request that the executor makes in its network. */
export interface FetchOptions extends CallOptions {
  /** Sent unchanged. Default `GET`. */
  readonly method?: string | undefined;
  /** A record, a `Headers`, or pairs of name and value, which may repeat a name. */
  readonly headers?:
    | Readonly<Record<string, string>>
    | Iterable<readonly [string, string]>
    | undefined;
  /**
   * Headers with a value from the executor's environment, such as a token: name of the header to
   * name of the variable.
   */
  readonly headerVariables?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** `follow` (default) follows at most ten redirects; `manual` returns the redirect itself. */
  readonly redirect?: "follow" | "manual" | undefined;
  /** Limit for the whole exchange, the body included, in milliseconds. Default none. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Makes the request from the executor's network. Fulfilled with a web `Response` when the headers
 * have arrived. The body is as the server sent it, never decompressed. At most 16 MiB of it wait
 * for a slow reader; beyond that it fails. It also fails when the connection to the executor
 * breaks, because the request may not be repeatable.
 */
export type Fetch = (url: string | URL, options?: FetchOptions) => Promise<Response>;

/** The statuses with which the constructor of `Response` accepts no body. */
const bodiless = new Set([101, 204, 205, 304]);

interface FetchSource {
  readonly http: Http;
  readonly bodies: BodyStreams;
  readonly cancel: (requestId: string) => void;
}

export function fetchThrough({ http, bodies, cancel }: FetchSource): Fetch {
  let requests = 0;
  return (url, options = {}) => {
    const requestId = `http-${++requests}`;
    return perform(options, async () => {
      const { signal } = options;
      const abort = () => {
        bodies.fail(signal?.reason, [requestId]);
        cancel(requestId);
      };
      const body = bodies.open(requestId, () => signal?.removeEventListener("abort", abort));
      signal?.addEventListener("abort", abort);
      try {
        const answer = await http.request(requestOf(requestId, url, options), signal);
        return await responseOrCancel(answer, body);
      } catch (error) {
        bodies.fail(error as Error, [requestId]);
        throw error;
      }
    });
  };
}

function requestOf(requestId: string, url: string | URL, options: FetchOptions) {
  const { method = "GET", body, redirect, timeoutMs } = options;
  return {
    requestId,
    method,
    url: `${url}`,
    headers: headersOf(options),
    ...(body === undefined ? {} : { bodyBase64: Buffer.from(body as string).toString("base64") }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    redirectPolicy: redirect === "manual" ? ("stop" as const) : ("follow" as const),
    streamResponse: true,
  };
}

function headersOf({ headers = {}, headerVariables = {} }: FetchOptions) {
  const pairs = Symbol.iterator in headers ? headers : Object.entries(headers);
  const plain = Array.from(pairs, ([name, value]) => ({ name, value }));
  const variables = Object.entries(headerVariables);
  return [...plain, ...variables.map(([name, valueEnvVar]) => ({ name, value: "", valueEnvVar }))];
}

type Answer = Result<"http/request">;

/** Cancels the body when `Response` does not accept the status or a header. */
async function responseOrCancel(
  answer: Answer,
  body: ReadableStream<Uint8Array>,
): Promise<Response> {
  try {
    return response(answer, body);
  } catch (error) {
    await body.cancel(error);
    throw error;
  }
}

function response({ status, headers: pairs }: Answer, body: ReadableStream<Uint8Array>): Response {
  const headers = new Headers();
  for (const { name, value } of pairs) headers.append(name, value);
  return new Response(bodiless.has(status) ? null : body, { status, headers });
}
