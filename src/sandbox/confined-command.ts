/** The command line that bwrap runs, and its variables. */
import { Buffer } from "node:buffer";
import { internalError, invalidParams } from "../protocol/errors.ts";
import type { HostPath } from "../protocol/path-uri.ts";
import { type BwrapPlan, bwrapMounts } from "./bwrap/bwrap.ts";
import { defaultSignals, type Launcher } from "./bwrap/launcher.ts";
import type { ProcessRequest } from "./process-request.ts";
import { isProgramInside } from "./program-inside.ts";

interface Means {
  /** Whether bwrap can run the command directly, without the launcher. */
  readonly leads: boolean;
  /** Undefined when it cannot be seen inside. */
  readonly launcher: Launcher | undefined;
  /** Whether this bwrap knows `--argv0`. */
  readonly bwrapRenames: boolean;
}

export interface ConfinedCommand {
  /** Further options of bwrap. */
  readonly options: readonly string[];
  readonly argv: readonly string[];
  /**
   * Whether the command runs through the launcher, which restores the signals that bwrap ignores.
   */
  readonly isLaunched: boolean;
}

/**
 * Whether the command can have a session of its own, to which signals are sent. Then they do not
 * reach bwrap, which would die of them, and need not be ignored and restored, which takes two more
 * programs and 1.3 ms. Not with a pty: the signals of its keys go to the whole foreground process
 * group.
 */
export async function canLead(
  request: ProcessRequest,
  isVisible: (path: HostPath) => boolean,
): Promise<boolean> {
  if (request.stdio === "pty" || request.arg0 !== undefined) return false;
  return isProgramInside(request, isVisible);
}

/** Builds the command. `env` reports a missing program as shells do, and exits with 127. */
export function confinedCommand(request: ProcessRequest, means: Means): ConfinedCommand {
  const { argv, arg0 } = request;
  const { leads, launcher, bwrapRenames } = means;
  if (leads) return { options: [], argv, isLaunched: false };
  // `env` would take a name with an equals sign for a variable.
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
 * Sets argv[0] by bash, where nothing else can. `-p` keeps bash from running code that variables
 * name. bash increments SHLVL; its `exec` decrements it where it was set. Otherwise a 0 would
 * remain, so the name is made an array element, which is not exported.
 */
function renamed({ argv, env }: ProcessRequest, arg0: string): string[] {
  const uncounted = 'unset SHLVL; declare -a levels; declare -n "SHLVL=levels[0]"; ';
  const script = `${env.SHLVL === undefined ? uncounted : ""}exec -a "$0" "$@"`;
  return ["/bin/bash", "-p", "-c", script, arg0, ...argv];
}

/**
 * The arguments for mounts and variables go through a pipe: paths need not be UTF-8, values do not
 * show in the list of processes, and variables do not affect bwrap itself, which is not confined
 * yet.
 */
export function mountArguments(plan: BwrapPlan): Buffer {
  return Buffer.from(bwrapMounts(plan).map(terminated).join(""), "latin1");
}

export function variableArguments(env: ProcessRequest["env"]): Buffer {
  // Of two variables with the same name a program finds the first, but bwrap sets the last.
  const variables = Object.entries(env)
    .reverse()
    .flatMap(([name, value]) => variable(name, value));
  return Buffer.from(["--clearenv", ...variables].map(terminated).join(""), "utf8");
}

/**
 * A variable `A=B` with the value `c` reaches a process as `A` with the value `B=c`, whoever starts
 * it. bwrap refuses such a name, and cannot set an empty one.
 */
function variable(name: string, value: string): string[] {
  const [own = "", ...rest] = `${name}=${value}`.split("=");
  if (own !== "") return ["--setenv", own, rest.join("=")];
  throw invalidParams(
    `the environment has a variable without a name (${JSON.stringify(name)}), ` +
      "which cannot be set in a sandbox: leave it out",
  );
}

/** The text behind a nul byte would be another option of bwrap, and could open the sandbox. */
function terminated(argument: string): string {
  if (!argument.includes("\0")) return `${argument}\0`;
  throw internalError("nul byte found in provided data: a variable or a path contains a nul byte");
}
