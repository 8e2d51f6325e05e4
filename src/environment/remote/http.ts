import type { Call } from "../../protocol/methods.ts";
import type { Http } from "../http.ts";

/** HTTP requests made by another machine, in its network. */
export const remoteHttp = (call: Call): Http => ({
  request: (params) => call("http/request", params),
  cancel: (params) => call("http/cancel", params),
});
