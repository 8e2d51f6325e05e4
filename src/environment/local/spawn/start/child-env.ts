/**
 * Makes the environment of a process. Pure and free of packages, so that the server (for
 * `envPolicy`) and the client side (for what it starts itself) come to the same result.
 */
import type { Params } from "../../../../protocol/methods.ts";

export type Variables = Readonly<Record<string, string>>;
export type EnvPolicy = NonNullable<Params<"process/start">["envPolicy"]>;

export interface ChildEnvironmentSource {
  /** The executor's own environment. */
  readonly executorEnv: Variables;
  /** How the process's variables are derived from it. Without a policy none are. */
  readonly policy?: EnvPolicy | null | undefined;
  /** Set after the policy, which cannot filter these. */
  readonly overlay: Variables;
}

/** Names that `inherit: "core"` keeps, ignoring case, as the reference does on Linux, too. */
const coreNames = new Set(
  "PATH SHELL TMPDIR TEMP TMP HOME LANG LC_ALL LC_CTYPE LOGNAME USER".toLowerCase().split(" "),
);

/** Names that suggest credentials. They match too much (`MONKEY`), as in the reference. */
const credentialPatterns = ["*KEY*", "*SECRET*", "*TOKEN*"];

/** The environment of a process. The overlay only sets variables, it removes none. */
export function childEnvironment({ executorEnv, policy, overlay }: ChildEnvironmentSource) {
  if (!policy) return { ...overlay };
  const dropped = policy.ignoreDefaultExcludes
    ? policy.exclude
    : [...credentialPatterns, ...policy.exclude];
  const kept = new Map([
    ...inherited(executorEnv, policy.inherit).filter(without(dropped)),
    ...Object.entries(policy.set),
  ]);
  const asked =
    policy.includeOnly.length === 0 ? [...kept] : [...kept].filter(only(policy.includeOnly));
  return Object.fromEntries([...asked, ...Object.entries(overlay)]);
}

type Variable = [name: string, value: string];

function inherited(executorEnv: Variables, inherit: EnvPolicy["inherit"]): Variable[] {
  if (inherit === "none") return [];
  const all = Object.entries(executorEnv);
  return inherit === "all" ? all : all.filter(([name]) => coreNames.has(name.toLowerCase()));
}

function without(patterns: readonly string[]) {
  const matches = nameMatcher(patterns);
  return ([name]: Variable) => !matches(name);
}

function only(patterns: readonly string[]) {
  const matches = nameMatcher(patterns);
  return ([name]: Variable) => matches(name);
}

/**
 * Makes a test whether a whole name matches one of the patterns: `*` stands for any text, `?` for
 * one character; case is ignored.
 */
function nameMatcher(patterns: readonly string[]) {
  const compiled = patterns.map(caselessCharacters);
  return (name: string) => {
    const characters = caselessCharacters(name);
    return compiled.some((pattern) => pattern.length > 0 && fits(characters, pattern));
  };
}

function caselessCharacters(text: string): string[] {
  return Array.from(text, (character) => character.toLowerCase());
}

/**
 * Matches by backtracking to the last star only, so that a pattern full of stars costs the product
 * of the two lengths; a regular expression could hold up the server for minutes.
 */
function fits(name: readonly string[], pattern: readonly string[]): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let afterStar = 0;
  while (at < name.length) {
    if (pattern[next] === "*") {
      star = next++;
      afterStar = at;
    } else if (pattern[next] === "?" || pattern[next] === name[at]) {
      next++;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++afterStar;
    } else {
      return false;
    }
  }
  return pattern.slice(next).every((character) => character === "*");
}
