import { errorCodes } from "../../protocol/errors.ts";
import { excessOf } from "../../protocol/json-rpc.ts";
import type { Call, Event, EventParams, Method, Params, Result } from "../../protocol/methods.ts";
import { ConnectionError, errorOfCode } from "../calls/errors.ts";

/** Receives the events of the executor. */
export type OnEvent = <E extends Event>(event: E, params: EventParams<E>) => void;

/** The request in a message. */
export interface Asked {
  readonly method: Method;
  readonly params: unknown;
  /** Called when it is about to be sent: false when it was aborted meanwhile. */
  readonly isWanted: () => boolean;
}

interface RpcClientOptions {
  /** Sends one message. `asked` is its request, which decides how urgent it is. */
  readonly send: (text: string, asked?: Asked) => void;
  readonly onEvent: OnEvent;
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/**
 * Requests and answers of one connection. Knows no socket: `send` is passed in, and `receive` and
 * `end` are called from outside.
 */
export class RpcClient {
  readonly #options: RpcClientOptions;
  readonly #pending = new Map<unknown, Pending>();
  #nextId = 1;
  #ended: Error | undefined;

  constructor(options: RpcClientOptions) {
    this.#options = options;
  }

  /**
   * Makes a request. Fails with the error of the answer, or the reason why the connection ended.
   */
  readonly call: Call = <M extends Method>(method: M, params: Params<M>, signal?: AbortSignal) =>
    new Promise<Result<M>>((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      if (signal?.aborted) return reject(signal.reason);
      const message = { id: this.#nextId++, method, params };
      const text = JSON.stringify(message);
      // The executor's answer to an unreadable message lacks the request id, so the call would
      // hang.
      const excess = excessOf(message, text);
      if (excess) return reject(errorOfCode(errorCodes.invalidRequest, excess));
      this.#pending.set(message.id, { resolve, reject });
      const isWanted = () => !signal?.aborted || this.#withdraw(message.id, signal.reason);
      this.#options.send(text, { method, params, isWanted });
    });

  /** Sends a notification. */
  notify(method: string, params: object): void {
    if (!this.#ended) this.#options.send(JSON.stringify({ method, params }));
  }

  /** Handles one message. Throws a `ConnectionError` when it is not JSON-RPC. */
  receive(text: string): void {
    const message = parsed(text);
    if (typeof message.method === "string") this.#onCall(message, message.method);
    else this.#onAnswer(message);
  }

  /** Fails all unanswered requests, because the connection has ended. */
  end(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  /** Fails a request that was aborted before it was sent. Returns false for `isWanted`. */
  #withdraw(id: number, reason: Error): false {
    this.#pending.get(id)?.reject(reason);
    this.#pending.delete(id);
    return false;
  }

  #onCall({ id, params }: Message, method: string): void {
    if (id === undefined) {
      // The method decides the shape of the params, which the compiler cannot follow.
      this.#options.onEvent(method as Event, params as never);
    } else {
      const message = `this client does not serve \`${method}\``;
      this.#options.send(
        JSON.stringify({ id, error: { code: errorCodes.methodNotFound, message } }),
      );
    }
  }

  #onAnswer({ id, result, error }: Message): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error) pending?.reject(errorOfCode(error.code, error.message));
    else pending?.resolve(result as never);
  }
}

function parsed(text: string): Message {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message === "object" && message !== null) return message;
  } catch {
    // Reported below, like any other text that is no message.
  }
  throw new ConnectionError(`exec-server sent what is no JSON-RPC message: ${text.slice(0, 100)}`);
}
