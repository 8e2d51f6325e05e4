import type { Call } from "../../protocol/methods.ts";
import type { Http } from "../http.ts";

/** HTTP requests that another machine makes from its network. */
export const remoteHttp = (call: Call): Http => ({
  request: (params, signal) => call("http/request", params, signal),
  cancel: (params) => call("http/cancel", params),
});
