import { errorCodes } from "../protocol/errors.ts";
import { excessOf } from "../protocol/json-rpc.ts";
import type { Call, Event, EventParams, Method, Params, Result } from "../protocol/methods.ts";
import type { Asked } from "./asked.ts";
import { ConnectionError, errorOfCode } from "./errors.ts";

/** What an event of the executor is given to. */
export type OnEvent = <E extends Event>(event: E, params: EventParams<E>) => void;

interface RpcClientOptions {
  /** Sends one message; a request also as it was asked, by which its urgency is known. */
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
 * Requests and answers of one connection. It never sees a socket: it is given how to send a
 * message, and is told what came and when the connection has ended.
 */
export class RpcClient {
  readonly #options: RpcClientOptions;
  readonly #pending = new Map<unknown, Pending>();
  #nextId = 1;
  #ended: Error | undefined;

  constructor(options: RpcClientOptions) {
    this.#options = options;
  }

  /** Makes a request; fails with the error of the answer, or with why the connection ended. */
  readonly call: Call = <M extends Method>(method: M, params: Params<M>, signal?: AbortSignal) =>
    new Promise<Result<M>>((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      if (signal?.aborted) return reject(signal.reason);
      const message = { id: this.#nextId++, method, params };
      const text = JSON.stringify(message);
      // Of what it cannot read an executor does not say which request it was.
      const excess = excessOf(message, text);
      if (excess) return reject(errorOfCode(errorCodes.invalidRequest, excess));
      this.#pending.set(message.id, { resolve, reject });
      const isWanted = () => !signal?.aborted || this.#withdraw(message.id, signal.reason);
      this.#options.send(text, { method, params, isWanted });
    });

  /** Says something that is not answered. */
  notify(method: string, params: object): void {
    if (!this.#ended) this.#options.send(JSON.stringify({ method, params }));
  }

  /** Takes in one message. Throws a `ConnectionError` for what is none. */
  receive(text: string): void {
    const message = parsed(text);
    if (typeof message.method === "string") this.#onCall(message, message.method);
    else this.#onAnswer(message);
  }

  /** The connection is gone: whoever still waits for an answer is told why. */
  end(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  /** Fails a request that is not sent after all; gives that it is not. */
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
    // Said below, as for any other text that is no message.
  }
  throw new ConnectionError(`exec-server sent what is no JSON-RPC message: ${text.slice(0, 100)}`);
}
