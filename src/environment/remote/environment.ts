import type { Call } from "../../protocol/methods.ts";
import type { Environment, Host } from "../environment.ts";
import { remoteFileSystem } from "./file-system.ts";
import { FollowedProcesses, type FollowedProcessesOptions } from "./followed-processes.ts";
import { remoteHttp } from "./http.ts";
import { remoteProcesses } from "./processes.ts";

/** Another machine, reached by a `Call`, whatever transport carries it. */
export interface RemoteEnvironment extends Environment {
  /** Gets the events that this machine pushes about its processes. */
  readonly followed: FollowedProcesses;
}

export function remoteEnvironment(options: FollowedProcessesOptions): RemoteEnvironment {
  const { call } = options;
  const followed = new FollowedProcesses(options);
  return {
    host: remoteHost(call),
    processes: remoteProcesses(call, followed),
    fileSystem: remoteFileSystem(call),
    http: remoteHttp(call),
    followed,
  };
}

const remoteHost = (call: Call): Host => ({
  info: () => call("environment/info", {}),
  status: (signal) => call("environment/status", {}, signal),
  readConfig: (params) => call("environmentConfig/read", params),
});
