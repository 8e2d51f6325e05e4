/** Turns a request to start an fs-helper into one to start bwrap. Pure. */
import type { HostPath } from "../../protocol/path-uri.ts";
import { type BwrapPlan, bwrapFlags, bwrapMounts } from "../bwrap/bwrap.ts";
import type { Abilities } from "../bwrap/health.ts";
import { ownSeccompProgram } from "../bwrap/seccomp.ts";
import type { Confinement } from "../policy/confinement.ts";

/** The only variables of the server that a helper gets. */
const helperVariables = ["PATH", "TMPDIR", "TMP", "TEMP"] as const;

export interface HelperLaunch {
  readonly file: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The program that bwrap reads from its seccomp descriptor. */
  readonly seccomp: Uint8Array;
}

export interface HelperLaunchParts {
  readonly bwrap: { readonly path: string };
  readonly abilities: Abilities;
  readonly confinement: Confinement;
  readonly masks: BwrapPlan["masks"];
  readonly controls: BwrapPlan["controls"];
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** For bwrap alone, not passed inside. */
  readonly ownVariables: Readonly<Record<string, string>>;
  /** The paths of Node and of the helper's file, as text. */
  readonly command: readonly [string, string];
}

export function helperEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    helperVariables.flatMap((name) => {
      const value = variables[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

export function helperLaunch(parts: HelperLaunchParts, seccompFd: number): HelperLaunch {
  const { abilities, confinement, masks, command } = parts;
  const plan: BwrapPlan = {
    confinement,
    masks,
    controls: parts.controls,
    ownNetwork: abilities.ownNetwork,
    ownProc: abilities.ownProc,
    seccompFd,
    commandIsInit: true,
    newSession: true,
    cwd: "/" as HostPath,
  };
  const outside = Object.keys(parts.ownVariables).flatMap((own) => ["--unsetenv", own]);
  const name = abilities.argv0 ? ["--argv0", "codex-fs-helper"] : [];
  const mounts = bwrapMounts(plan).map(asText);
  return {
    file: parts.bwrap.path,
    argv: [...bwrapFlags(plan), ...mounts, ...outside, ...name, "--", ...command],
    env: { ...helperEnvironment(parts.variables), ...parts.ownVariables },
    cwd: "/",
    seccomp: ownSeccompProgram({ network: "restricted" }),
  };
}

/** Throws for a path that is not UTF-8, because Node would change it in arguments. */
function asText(argument: string): string {
  const text = Buffer.from(argument, "latin1").toString("utf8");
  if (Buffer.from(text, "utf8").toString("latin1") === argument) return text;
  throw new Error(`a path of this sandbox is not UTF-8 and cannot be confined: ${text}`);
}
