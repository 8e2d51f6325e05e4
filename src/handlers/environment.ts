import type { Host } from "../environment/environment.ts";
import type { EnvironmentMethod, Handlers } from "../protocol/methods.ts";

/** `family` names the called methods in the error for a call before `initialize`. */
interface HostContext {
  host(family: string): Host;
}

export const environmentHandlers: Handlers<EnvironmentMethod, HostContext> = {
  "environment/info": (context) => context.host("environment info").info(),
  "environment/status": (context) => context.host("environment status").status(),
  "environmentConfig/read": (context, params) =>
    context.host("environment config").readConfig(params),
};
