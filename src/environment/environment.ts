import type { MaybePromise, Params, Result } from "../protocol/methods.ts";
import type { FileSystem } from "./file-system.ts";
import type { Http } from "./http.ts";
import type { Processes } from "./processes.ts";

/** The description and state of a machine. */
export interface Host {
  info(): MaybePromise<Result<"environment/info">>;
  status(signal?: AbortSignal): MaybePromise<Result<"environment/status">>;
  /** The configuration of a codex installation on that machine, if it has one. */
  readConfig(params: Params<"environmentConfig/read">): Promise<Result<"environmentConfig/read">>;
}

/** What a client can do on one machine, local or remote. */
export interface Environment {
  readonly host: Host;
  readonly processes: Processes;
  readonly fileSystem: FileSystem;
  readonly http: Http;
}
