import type { Params } from "../protocol/methods.ts";

export type EnvPolicy = NonNullable<Params<"process/start">["envPolicy"]>;

/**
 * What describes the variables of a process: how to derive them, and what is laid over the result.
 */
export interface ShellEnvironment {
  readonly envPolicy: EnvPolicy;
  readonly env: Readonly<Record<string, string>>;
}

/** What is known only when a command is run. All of it is optional. */
export interface RuntimeAdditions {
  readonly threadId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly toolCallId?: string | undefined;
  /** Version of the orchestrator that commands are told. */
  readonly version?: string | undefined;
  /** Proxy variables of a managed network, by name. */
  readonly proxy?: Readonly<Record<string, string>> | undefined;
  /** Tells commands that the sandbox gives them no network. */
  readonly networkDisabled?: boolean | undefined;
}

/** Names that say something about the orchestrator: no process inherits them. */
const neverInherited = [
  "CODEX_PERMISSION_PROFILE",
  "CODEX_VERSION",
  "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS",
  "CODEX_PLUGIN_METRICS_OUTPUT",
];

/** Nobody reads pages, sees colours or answers a prompt at the other end of a pipe. */
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
 * A whole policy from what a user has set. Defaults: everything is inherited, credentials included,
 * except what is the orchestrator's own.
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
 * The variables for a command of an agent. The executor derives them from its own environment, near
 * or far alike, so that nothing of the orchestrator's environment is ever sent: only the policy and
 * what is added at run time.
 */
export function shellEnvironment(
  policy: Partial<EnvPolicy> = {},
  additions: RuntimeAdditions = {},
): ShellEnvironment {
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
    env: { ...terminalDefaults, ...withoutAbsent(known), ...proxy },
  };
}

const withoutAbsent = (variables: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
