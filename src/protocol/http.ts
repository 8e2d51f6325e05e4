import * as z from "zod/mini";
import { u64 } from "./members.ts";

const requestId = z.string();
const header = { name: z.string(), value: z.string() };

/** For `bulk`, see the table of file system methods. */
export const httpRequests = {
  /** Makes an HTTP request from the executor, in its network and with its proxy variables. */
  "http/request": {
    params: () =>
      z.object({
        /** Chosen by the client; unique among the concurrent streams of a connection. */
        requestId,
        /** Any token; sent unchanged. */
        method: z.string(),
        url: z.string(),
        headers: z._default(
          z.array(
            z.object({
              ...header,
              /**
               * A variable of the executor, appended to `value`. Capability `httpHeaderEnvVars`.
               */
              valueEnvVar: z.nullish(z.string()),
            }),
          ),
          [],
        ),
        bodyBase64: z.nullish(z.string()),
        /** Limit for the whole exchange including the body, in ms; none when absent. */
        timeoutMs: z.nullish(u64),
        /** `follow` follows at most ten redirects; `stop` returns the redirect itself. */
        redirectPolicy: z._default(z.enum(["follow", "stop"]), "follow"),
        /** Answers with the headers, and sends the body by `http/request/bodyDelta`. */
        streamResponse: z._default(z.boolean(), false),
      }),
    result: () =>
      z.object({
        status: z.number(),
        /** Names in lower case; a name may come more than once. */
        headers: z.array(z.object(header)),
        /** The body as the server sent it, never decompressed. Empty when it is streamed. */
        bodyBase64: z.string(),
      }),
    bulk: "bodyBase64",
  },
  /**
   * Ends a request and its stream. An unknown or finished one is no error. Capability `httpCancel`.
   */
  "http/cancel": { params: () => z.object({ requestId }), result: () => z.object({}) },
} as const;

export const httpEvents = {
  /** A piece of a streamed body, numbered from 1. The last is empty and has `done`. */
  "http/request/bodyDelta": {
    params: () =>
      z.object({
        requestId,
        seq: z.number(),
        deltaBase64: z.string(),
        done: z.boolean(),
        /** Why the body ended early; only in the last delta. */
        error: z.nullable(z.string()),
      }),
    bulk: "deltaBase64",
  },
} as const;
