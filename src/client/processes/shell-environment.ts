import type { Params } from "../../protocol/methods.ts";
import { checkArguments, checkOptions } from "../calls/options.ts";
import { present } from "./variables.ts";

/** How the executor derives the variables of a process from its own; see `process/start`. */
export type EnvPolicy = NonNullable<Params<"process/start">["envPolicy"]>;

/**
 * The variables of a process: the policy by which the executor derives them, and `env`, which is
 * added to the result.
 */
export interface ShellEnvironment {
  readonly envPolicy: EnvPolicy;
  readonly env: Readonly<Record<string, string>>;
}

/** Values that are known only when a command runs. All are optional. */
export interface RuntimeAdditions {
  readonly threadId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly toolCallId?: string | undefined;
  /** The orchestrator's version, passed as CODEX_VERSION. */
  readonly version?: string | undefined;
  /** Proxy variables of a managed network, by name. */
  readonly proxy?: Readonly<Record<string, string>> | undefined;
  /** Sets CODEX_SANDBOX_NETWORK_DISABLED, so that commands know they have no network. */
  readonly networkDisabled?: boolean | undefined;
}

/** The orchestrator's own variables, which no process inherits. */
const neverInherited = [
  "CODEX_PERMISSION_PROFILE",
  "CODEX_VERSION",
  "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS",
  "CODEX_PLUGIN_METRICS_OUTPUT",
];

/** Commands of an agent have no reader for pagers, colours or prompts. */
const terminalDefaults = {
  NO_COLOR: "1",
  TERM: "dumb",
  LANG: "C.UTF-8",
  LC_CTYPE: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  COLORTERM: "",
  PAGER: "cat",
  GIT_PAGER: "cat",
  GH_PAGER: "cat",
  CODEX_CI: "1",
};

/**
 * Completes a policy. Default: everything is inherited, credentials included, except the
 * orchestrator's own variables.
 */
export function envPolicyOf(policy: Partial<EnvPolicy> = {}): EnvPolicy {
  return {
    inherit: "all",
    ignoreDefaultExcludes: true,
    set: {},
    includeOnly: [],
    ...policy,
    exclude: [...(policy.exclude ?? []), ...neverInherited],
  };
}

/**
 * The variables for a command of an agent. The executor derives them from its own environment, so
 * the orchestrator's environment is never sent: only the policy and the additions.
 */
export function shellEnvironment(
  policy: Partial<EnvPolicy> = {},
  additions: RuntimeAdditions = {},
): ShellEnvironment {
  checkOptions(additions);
  checkArguments({ policy });
  const { threadId, sessionId, toolCallId, version, proxy, networkDisabled } = additions;
  const known = {
    CODEX_THREAD_ID: threadId,
    CODEX_SESSION_ID: sessionId,
    CODEX_TOOL_CALL_ID: toolCallId,
    CODEX_VERSION: version,
    CODEX_SANDBOX_NETWORK_DISABLED: networkDisabled ? "1" : undefined,
  };
  return {
    envPolicy: envPolicyOf(policy),
    env: { ...terminalDefaults, ...present(known), ...proxy },
  };
}
