/** What bwrap is told to run, and the variables it is to run it with. */
import { Buffer } from "node:buffer";
import { internalError, invalidParams } from "../protocol/errors.ts";
import type { HostPath } from "../protocol/path-uri.ts";
import { type BwrapPlan, bwrapMounts } from "./bwrap.ts";
import type { ProcessRequest } from "./confined-process.ts";
import { defaultSignals, type Launcher } from "./launcher.ts";
import { isProgramInside } from "./program-inside.ts";

interface Means {
  /** Nothing has to be between bwrap and the command. */
  readonly leads: boolean;
  /** As far as it can be seen inside. */
  readonly launcher: Launcher | undefined;
  /** This bwrap can give the command another argv[0]. */
  readonly bwrapRenames: boolean;
}

export interface ConfinedCommand {
  /** Further options of bwrap. */
  readonly options: readonly string[];
  readonly argv: readonly string[];
  /** Through the launcher, which gives it back the signals that bwrap ignores. */
  readonly isLaunched: boolean;
}

/**
 * Whether the command can have a session of its own inside, and signals be sent to that: then they
 * do not meet bwrap, which would die of them, so that nothing has to ignore and restore them, which
 * takes two programs more and 1.3 ms. With a terminal that is not so, because the keys' signals go
 * to everybody who runs in its foreground.
 */
export async function canLead(
  request: ProcessRequest,
  isVisible: (path: HostPath) => boolean,
): Promise<boolean> {
  if (request.stdio === "pty" || request.arg0 !== undefined) return false;
  return isProgramInside(request, isVisible);
}

/** Through `env`, which also says of a program that is not there what shells say, and exits 127. */
export function confinedCommand(request: ProcessRequest, means: Means): ConfinedCommand {
  const { argv, arg0 } = request;
  const { leads, launcher, bwrapRenames } = means;
  if (leads) return { options: [], argv, isLaunched: false };
  // A name with an equals sign would be taken for a variable.
  const launched = launcher && !argv[0].includes("=") ? launcher : undefined;
  if (arg0 === undefined) return commandBy(launched, [], argv);
  if (launched?.renames) return commandBy(launched, [`--argv0=${arg0}`], argv);
  if (launched || !bwrapRenames) return commandBy(launcher, [], renamed(request, arg0));
  return { options: ["--argv0", arg0], argv, isLaunched: false };
}

function commandBy(
  launcher: Launcher | undefined,
  options: readonly string[],
  argv: readonly string[],
): ConfinedCommand {
  if (!launcher) return { options: [], argv, isLaunched: false };
  const around = [launcher.path, defaultSignals, ...options, "--"];
  return { options: [], argv: [...around, ...argv], isLaunched: true };
}

/**
 * By bash, where nothing else can: `-p` keeps it from running what variables name. It counts itself
 * in SHLVL, which its `exec` takes back where there was one; where there was none it would leave a
 * 0, so there the name stands for an element of an array, which no program is given.
 */
function renamed({ argv, env }: ProcessRequest, arg0: string): string[] {
  const uncounted = 'unset SHLVL; declare -a levels; declare -n "SHLVL=levels[0]"; ';
  const script = `${env.SHLVL === undefined ? uncounted : ""}exec -a "$0" "$@"`;
  return ["/bin/bash", "-p", "-c", script, arg0, ...argv];
}

/**
 * Mounts and variables go through a pipe: paths need not be UTF-8, nobody sees the values in the
 * list of processes, and none of them has an effect on bwrap itself, which is not confined yet.
 */
export function mountArguments(plan: BwrapPlan): Buffer {
  return Buffer.from(bwrapMounts(plan).map(terminated).join(""), "latin1");
}

export function variableArguments(env: ProcessRequest["env"]): Buffer {
  // Of two with one name a program finds the first; bwrap sets the one it is told last.
  const variables = Object.entries(env)
    .reverse()
    .flatMap(([name, value]) => variable(name, value));
  return Buffer.from(["--clearenv", ...variables].map(terminated).join(""), "utf8");
}

/**
 * A process finds `A=B` with the value `c` as `A` with the value `B=c`, whoever starts it. bwrap
 * refuses the former, and cannot set what has no name at all.
 */
function variable(name: string, value: string): string[] {
  const [own = "", ...rest] = `${name}=${value}`.split("=");
  if (own !== "") return ["--setenv", own, rest.join("=")];
  throw invalidParams(
    `the environment has a variable without a name (${JSON.stringify(name)}), ` +
      "which cannot be set in a sandbox: leave it out",
  );
}

/** What came after a nul byte would be bwrap's next option, and could open the sandbox. */
function terminated(argument: string): string {
  if (!argument.includes("\0")) return `${argument}\0`;
  throw internalError("nul byte found in provided data: a variable or a path contains a nul byte");
}
