/**
 * The library: processes, files and HTTP on this machine, or on another one that runs `codex
 * exec-server`, through the same interface. What the executor refuses is thrown as an `RpcError`
 * with its code.
 */
import { checkOptions } from "./calls/options.ts";
import type { Environment } from "./environment.ts";
import { chooseEnvironments, type Environments, type EnvironmentsOptions } from "./environments.ts";
import { type LocalOptions, localMachine } from "./local-machine.ts";
import { present } from "./processes/variables.ts";
import { forTimers, type RemoteMachineOptions, remoteMachine } from "./remote-machine.ts";
import { environmentOver } from "./surface.ts";

// biome-ignore-start lint/performance/noBarrelFile: this is the entry of the published package.
export { RpcError } from "../protocol/errors.ts";
export {
  ConnectionError,
  InvalidParamsError,
  InvalidRequestError,
  MethodNotFoundError,
  NotFoundError,
  OperationFailedError,
  SessionAttachedError,
  SessionLostError,
  StdinClosedError,
} from "./calls/errors.ts";
export type { Path } from "./calls/paths.ts";
export type { CallOptions } from "./calls/perform.ts";
export type {
  Environment,
  EnvironmentInfo,
  ProcessSummary,
} from "./environment.ts";
export type { Environments, EnvironmentsOptions, NoiseOptions } from "./environments.ts";
export { NoEnvironmentError } from "./environments.ts";
export { EnvironmentConfigError } from "./environments-toml.ts";
export type {
  DirectoryEntry,
  FileContent,
  FileOptions,
  FileStat,
  Files,
  Sandbox,
  Walk,
  WalkOptions,
} from "./files/files.ts";
export type { Fetch, FetchOptions } from "./http/fetch.ts";
export type { LocalOptions } from "./local-machine.ts";
export type { FinishedProcess } from "./processes/finish.ts";
export type { OutputChunk } from "./processes/output-queue.ts";
export type { Process, ProcessExit, Signal } from "./processes/process.ts";
export type {
  EnvPolicy,
  RuntimeAdditions,
  ShellEnvironment,
} from "./processes/shell-environment.ts";
export { shellEnvironment } from "./processes/shell-environment.ts";
export type { StartOptions, TerminalSize } from "./processes/start.ts";
export type { ProcessStdin } from "./processes/stdin.ts";
// biome-ignore-end lint/performance/noBarrelFile: this is the entry of the published package.

/** How to reach an executor, and how to recover a lost connection. Times are in milliseconds. */
export type ConnectOptions = RemoteMachineOptions;

/**
 * Connects to an exec-server at a `ws:` or `wss:` URL and opens a session. A connection that breaks
 * later is replaced for up to 45 s, during which calls wait. Fails with a `ConnectionError` when
 * the executor cannot be reached within 10 s, or leaves the first request unanswered for another
 * 10 s, and with an `InvalidRequestError` or `SessionAttachedError` when the session to resume is
 * unknown or attached elsewhere.
 */
export async function connect(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<Environment> {
  checkOptions(options);
  return environmentOver((listener) => remoteMachine(`${url}`, forTimers(options), listener));
}

/**
 * Opens the machine that this program runs on, without a server. In a worker thread, close it
 * before calling `terminate()` on the thread: otherwise Node ends the whole program.
 */
export async function localEnvironment(options: LocalOptions = {}): Promise<Environment> {
  checkOptions(options);
  return environmentOver((listener) => localMachine(options, listener));
}

/**
 * Finds the configured environments as the Codex CLI does: from `environments.toml`, else from
 * `execServerUrl`, else only this machine. Throws an `EnvironmentConfigError` for a wrong
 * configuration.
 */
export const environments = (
  options: EnvironmentsOptions & {
    readonly local?: LocalOptions | undefined;
    readonly connect?: ConnectOptions | undefined;
  } = {},
): Promise<Environments> =>
  chooseEnvironments(options, {
    openLocal: () => localEnvironment(options.local),
    openRemote: ({ url = "", bearerToken, connectTimeoutMs, initializeTimeoutMs }, closing) =>
      connect(url, {
        ...options.connect,
        signal: AbortSignal.any([closing, options.connect?.signal ?? []].flat()),
        ...present({ bearerToken, connectTimeoutMs, initializeTimeoutMs }),
      }),
  });
