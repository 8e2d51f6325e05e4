import type { MaybePromise, Params, Result } from "../protocol/methods.ts";
import type { FileSystem } from "./file-system.ts";
import type { Http } from "./http.ts";
import type { Processes } from "./processes.ts";

/** What a machine says of itself. */
export interface Host {
  info(): MaybePromise<Result<"environment/info">>;
  status(signal?: AbortSignal): MaybePromise<Result<"environment/status">>;
  /** The configuration of a codex installation there, as far as it keeps one. */
  readConfig(params: Params<"environmentConfig/read">): Promise<Result<"environmentConfig/read">>;
}

/** What can be done on one machine, near or far. */
export interface Environment {
  readonly host: Host;
  readonly processes: Processes;
  readonly fileSystem: FileSystem;
  readonly http: Http;
}
