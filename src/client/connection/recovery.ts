import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { PatientTimer } from "../../async/patient-timer.ts";
import { callRepeatsMax, reconnectIntervalMs, reconnectWindowMs } from "../../limits.ts";
import { errorCodes, RpcError } from "../../protocol/errors.ts";
import type { Call, Method, Params, Result } from "../../protocol/methods.ts";
import { harmlessMethods, rememberedMethods } from "../../protocol/repeatable.ts";
import {
  ConnectionError,
  isTemporary,
  MessageTooLargeError,
  SessionLostError,
} from "../calls/errors.ts";
import type { Connection } from "./connect.ts";

/** How long and how often to try to replace a lost connection. Times are in milliseconds. */
export interface RecoveryOptions {
  /** Pause between attempts; the first is made at once. Default 100. */
  readonly reconnectIntervalMs?: number | undefined;
  /** When to give up. Default 45 000; an executor keeps a detached session for 80 s. */
  readonly reconnectWindowMs?: number | undefined;
}

interface SessionOptions extends RecoveryOptions {
  /** Opens another connection to the session, until the signal is aborted. */
  readonly reopen: (sessionId: string, signal: AbortSignal) => Promise<Connection>;
  /** The connection broke, and recovery begins. */
  readonly onDisconnected: (error: ConnectionError) => void;
  /** The session was resumed: events that were pushed meanwhile must be read. */
  readonly onResumed: () => void;
  /** The session is gone for good. */
  readonly onLost: (error: SessionLostError) => void;
}

interface Unanswered {
  readonly method: Method;
  readonly params: Params<Method>;
  /** Cancels it while it is unsent, or would have to be sent again. */
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  /** Whether it was sent over the current connection. */
  sent: boolean;
  repeats: number;
}

/**
 * A session that outlives its connections. Calls made without a connection wait. Unanswered calls
 * are repeated in their order, when that is safe. Callers only see a delay, or one error when the
 * session cannot be resumed.
 */
export class Session {
  readonly id: string;
  /** The executor's info, as of the first connection. */
  readonly info: Connection["info"];
  readonly #options: SessionOptions;
  readonly #unanswered = new Set<Unanswered>();
  readonly #end = new AbortController();
  readonly #remembersRequests: boolean;
  #connection: Connection | undefined;
  /** Makes request ids unique: the session may remember requests of an earlier client. */
  readonly #requestPrefix = randomUUID();
  #requests = 0;

  constructor(connection: Connection, options: SessionOptions) {
    this.id = connection.sessionId;
    this.info = connection.info;
    this.#options = options;
    this.#remembersRequests = connection.info.capabilities?.requestIds ?? false;
    this.#attach(connection);
  }

  /** Whether there is a connection that has not been found broken. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  readonly call: Call = <M extends Method>(method: M, params: Params<M>, signal?: AbortSignal) =>
    new Promise<Result<M>>((resolve, reject) => {
      if (this.#end.signal.aborted) return reject(this.#end.signal.reason);
      const named = this.#withRequestId(method, params);
      const request = { method, params: named, signal, resolve, reject, sent: false, repeats: 0 };
      this.#unanswered.add(request);
      this.#send(request);
    });

  /** Closes the connection and fails all calls. Only `session/end` ends the session itself. */
  close(how: "closed by its owner" | "left by `detach`"): void {
    this.#fail(new SessionLostError(`the exec-server session was ${how}`));
  }

  #attach(connection: Connection): void {
    this.#connection = connection;
    void connection.ended.then((reason) => this.#recover(reason));
  }

  #send(request: Unanswered): void {
    if (!this.#connection) return;
    request.sent = true;
    const settle = (outcome: () => void) => {
      this.#unanswered.delete(request);
      outcome();
    };
    this.#connection.rpc.call(request.method, request.params, request.signal).then(
      (result) => settle(() => request.resolve(result as never)),
      (error) => {
        // `#recover` decides about calls whose connection broke.
        const isOver = !(error instanceof ConnectionError) || request.signal?.aborted;
        if (isOver) settle(() => request.reject(error));
      },
    );
  }

  #withRequestId<M extends Method>(method: M, params: Params<M>): Params<M> {
    if (!this.#remembersRequests || !rememberedMethods.has(method)) return params;
    return { ...params, requestId: `${this.#requestPrefix} ${++this.#requests}` };
  }

  #isRepeatable({ method }: Unanswered): boolean {
    return (
      harmlessMethods.has(method) || (this.#remembersRequests && rememberedMethods.has(method))
    );
  }

  async #recover(reason: ConnectionError): Promise<void> {
    this.#connection = undefined;
    if (this.#end.signal.aborted) return;
    if (!reason.retryable)
      return this.#fail(lost(reason, "another attempt would end the same way"));
    this.#options.onDisconnected(reason);
    this.#dropUnrepeatable(reason);
    try {
      this.#attach(await this.#reconnected());
    } catch (error) {
      return this.#fail(lost(reason, (error as Error).message, error));
    }
    this.#options.onResumed();
    for (const request of this.#unanswered) if (!request.sent) this.#send(request);
  }

  /** Fails the calls that may have been carried out and are not safe to repeat. */
  #dropUnrepeatable(reason: ConnectionError): void {
    const tooLarge = reason instanceof MessageTooLargeError ? this.#largestSent() : undefined;
    for (const request of this.#unanswered) {
      if (!request.sent) continue;
      request.sent = false;
      const retryable = request !== tooLarge;
      if (retryable && this.#isRepeatable(request) && ++request.repeats <= callRepeatsMax) continue;
      this.#unanswered.delete(request);
      const message = `${request.method}: no answer: ${reason.message}`;
      request.reject(new ConnectionError(message, { retryable }));
    }
  }

  /** The limit of the executor is unknown, but the largest request must exceed it. */
  #largestSent(): Unanswered | undefined {
    const sizes = [...this.#unanswered]
      .filter(({ sent }) => sent)
      .map((request) => ({ request, size: JSON.stringify(request.params).length }));
    return sizes.sort((one, other) => other.size - one.size)[0]?.request;
  }

  async #reconnected(): Promise<Connection> {
    const { reconnectWindowMs: windowMs = reconnectWindowMs } = this.#options;
    const window = new AbortController();
    const timer = new PatientTimer(windowMs, () => window.abort());
    try {
      return await this.#resumedWithin(AbortSignal.any([window.signal, this.#end.signal]));
    } catch (error) {
      if (!window.signal.aborted) throw error;
      throw new Error(`recovery timed out after ${windowMs / 1000}s`, { cause: error });
    } finally {
      timer.stop();
    }
  }

  async #resumedWithin(signal: AbortSignal): Promise<Connection> {
    const { reconnectIntervalMs: intervalMs = reconnectIntervalMs } = this.#options;
    let failure: unknown;
    for (;;) {
      try {
        return await this.#resumed(signal);
      } catch (error) {
        // What failed before tells more than that the last attempt was given up.
        if (signal.aborted) throw failure ?? error;
        if (!isRetryable(error)) throw error;
        failure = error;
      }
      // After an abort the next attempt fails with its reason.
      await delay(intervalMs, undefined, { signal }).catch(() => {});
    }
  }

  async #resumed(signal: AbortSignal): Promise<Connection> {
    const connection = await this.#options.reopen(this.id, signal);
    if (connection.sessionId === this.id && !this.#end.signal.aborted) return connection;
    connection.close();
    this.#end.signal.throwIfAborted();
    throw new Error(`exec-server answered with another session: ${connection.sessionId}`);
  }

  #fail(error: SessionLostError): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort(error);
    this.#connection?.close();
    for (const { reject } of this.#unanswered) reject(error);
    this.#unanswered.clear();
    this.#options.onLost(error);
  }
}

/**
 * The session may still count as attached to the dead connection, and an executor that is down may
 * come back.
 */
function isRetryable(error: unknown): boolean {
  if (isTemporary(error)) return true;
  return error instanceof RpcError && error.code === errorCodes.sessionAttached;
}

const lost = (reason: Error, why: string, cause?: unknown) =>
  new SessionLostError(
    `exec-server transport disconnected: ${reason.message}; ` +
      `failed to resume exec-server session: ${why}`,
    { cause: cause ?? reason },
  );
