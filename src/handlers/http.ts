import type { Http } from "../environment/http.ts";
import type { Handlers, HttpMethod } from "../protocol/methods.ts";

interface HttpContext {
  http(): Http;
}

export const httpHandlers: Handlers<HttpMethod, HttpContext> = {
  "http/request": (context, params) => context.http().request(params),
  "http/cancel": (context, params) => context.http().cancel(params),
};
