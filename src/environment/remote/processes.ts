import type { Call } from "../../protocol/methods.ts";
import type { Processes } from "../processes.ts";
import type { FollowedProcesses } from "./followed-processes.ts";

/** Processes of another machine, which survive lost connections to it. */
export const remoteProcesses = (call: Call, followed: FollowedProcesses): Processes => ({
  start: (params, signal) =>
    followed.whileStarting(params.processId, () => call("process/start", params, signal)),
  read: (params) => call("process/read", params),
  write: (params, signal) => call("process/write", params, signal),
  closeStdin: (params, signal) => call("process/closeStdin", params, signal),
  resize: (params, signal) => call("process/resize", params, signal),
  signal: (params, signal) => call("process/signal", params, signal),
  terminate: (params, signal) => call("process/terminate", params, signal),
  list: (signal) => call("process/list", {}, signal),
});
