import type { Call } from "../../protocol/methods.ts";
import type { Http } from "../http.ts";

/** HTTP requests made by another machine, in its network. */
export const remoteHttp = (call: Call): Http => ({
  request: (params, signal) => call("http/request", params, signal),
  cancel: (params) => call("http/cancel", params),
});
