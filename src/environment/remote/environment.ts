import type { Call } from "../../protocol/methods.ts";
import type { Environment, Host } from "../environment.ts";
import { remoteFileSystem } from "./file-system.ts";
import { remoteHttp } from "./http.ts";
import { type RemoteProcesses, type RemoteProcessesOptions, remoteProcesses } from "./processes.ts";

/** Another machine, reached by a `Call`, whatever transport carries it. */
export interface RemoteEnvironment extends Environment {
  readonly processes: RemoteProcesses;
}

export const remoteEnvironment = (options: RemoteProcessesOptions): RemoteEnvironment => ({
  host: remoteHost(options.call),
  processes: remoteProcesses(options),
  fileSystem: remoteFileSystem(options.call),
  http: remoteHttp(options.call),
});

const remoteHost = (call: Call): Host => ({
  info: () => call("environment/info", {}),
  status: (signal) => call("environment/status", {}, signal),
  readConfig: (params) => call("environmentConfig/read", params),
});
