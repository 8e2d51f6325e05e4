/**
 * The library: work on this machine, or on another one that runs `codex exec-server`, in the same
 * way. Errors of the executor are `RpcError`s and have its code.
 */
import type { Environment } from "./environment.ts";
import { type LocalOptions, localMachine } from "./local-machine.ts";
import { type RemoteMachineOptions, remoteMachine } from "./remote-machine.ts";
import { environmentOver } from "./surface.ts";

/** How to reach an executor, and how to stay in touch with it. Times are in milliseconds. */
export type ConnectOptions = RemoteMachineOptions;

/**
 * Connects to an exec-server at a `ws:` or `wss:` URL. A connection that breaks later is replaced for
 * up to 45 s without anybody noticing more than a delay. Fails with a `ConnectionError` when the
 * executor cannot be reached within 10 s, and an `InvalidRequestError` or `SessionAttachedError` when
 * the session to resume is unknown or in use.
 */
export const connect = (url: string | URL, options: ConnectOptions = {}): Promise<Environment> =>
  environmentOver((listener) => remoteMachine(`${url}`, options, listener));

/** The machine that this program runs on, without a server. */
export const localEnvironment = (options: LocalOptions = {}): Promise<Environment> =>
  environmentOver((listener) => localMachine(options, listener));
