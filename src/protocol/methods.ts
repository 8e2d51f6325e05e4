import type * as z from "zod/mini";
import type { Base64 } from "./base64.ts";
import { environmentRequests } from "./environment.ts";
import { fileSystemEvents, fileSystemRequests } from "./file-system.ts";
import type { Bulk } from "./frame.ts";
import { httpEvents, httpRequests } from "./http.ts";
import { processEvents, processRequests } from "./processes.ts";
import { sessionRequests } from "./session.ts";
import type { WrittenResult } from "./written-result.ts";

/** Every request a client can make; any other method does not exist. */
export const requests = {
  ...sessionRequests,
  ...environmentRequests,
  ...processRequests,
  ...fileSystemRequests,
  ...httpRequests,
};

/** The notifications of the server. */
export const events = { ...processEvents, ...fileSystemEvents, ...httpEvents };

export type Method = keyof typeof requests;
export type Params<M extends Method> = z.output<ReturnType<(typeof requests)[M]["params"]>>;
export type Result<M extends Method> = z.output<ReturnType<(typeof requests)[M]["result"]>>;

/**
 * A result as a handler gives it: its base64 may still be bytes, or the whole of it already text.
 */
export type Answer<M extends Method> = (typeof requests)[M] extends { bulk: infer B extends string }
  ? Omit<Result<M>, B> & Readonly<Record<B, Base64>>
  : (typeof requests)[M] extends { written: true }
    ? Result<M> | WrittenResult<Result<M>>
    : Result<M>;

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

export type Event = keyof typeof events;
export type EventParams<E extends Event> = z.output<ReturnType<(typeof events)[E]["params"]>>;

export type SessionMethod = keyof typeof sessionRequests;
export type EnvironmentMethod = keyof typeof environmentRequests;
export type ProcessMethod = keyof typeof processRequests;
export type FileSystemMethod = keyof typeof fileSystemRequests;
export type HttpMethod = keyof typeof httpRequests;
export type ProcessEvent = keyof typeof processEvents;
export type FileSystemEvent = keyof typeof fileSystemEvents;
export type HttpEvent = keyof typeof httpEvents;

/**
 * Where the result or params of a table row hold base64, which is copied into the frame unescaped.
 */
export const bulkMember = (row: { readonly params: unknown; readonly bulk?: Bulk }) => row.bulk;

/**
 * Carries a request to where it is answered: a socket, a helper process. A request whose signal is
 * aborted before it is sent need not be sent.
 */
export type Call = <M extends Method>(
  method: M,
  params: Params<M>,
  signal?: AbortSignal,
) => Promise<Result<M>>;

/**
 * Takes events. False asks the producer to pause, because the reader is behind, until it is told to
 * resume. The event itself is never refused.
 */
export type Emit<E extends Event> = <K extends E>(event: K, params: EventParams<K>) => boolean;

/** One handler per method; `context` is what the connection offers. */
export type Handlers<M extends Method, C> = {
  [K in M]: (context: C, params: Params<K>) => MaybePromise<Answer<K>>;
};
