/** How to start bwrap around a command, before mount points are made and mounts are known. */
import { Buffer } from "node:buffer";
import { type HostPath, hostPathOf } from "../protocol/path-uri.ts";
import { countOf, refuseTooLarge, refuseTooMany } from "./bwrap/argument-limits.ts";
import { type BwrapPlan, bwrapFlags } from "./bwrap/bwrap.ts";
import type { Bwrap } from "./bwrap/find-bwrap.ts";
import type { Abilities } from "./bwrap/health.ts";
import { ignoreSignals } from "./bwrap/launcher.ts";
import { ownSeccompProgram } from "./bwrap/seccomp.ts";
import { canLead, confinedCommand, mountArguments, variableArguments } from "./confined-command.ts";
import { accessTable } from "./policy/access.ts";
import { type Confinement, type ConfinementParts, grantsOf } from "./policy/confinement.ts";
import type { BwrapRequest, ProcessRequest } from "./process-request.ts";
import type { SandboxMachine } from "./sandbox-machine.ts";

interface LaunchParts extends ConfinementParts {
  readonly request: ProcessRequest;
  readonly machine: SandboxMachine;
}

export interface ConfinedLaunch {
  /** Its feeds are the remaining options and the gate. */
  readonly request: BwrapRequest;
  /** The command leads a session, to which its signals are sent. */
  readonly leads: boolean;
  readonly bwrap: Bwrap;
  readonly masks: BwrapPlan["masks"];
  /** The remaining options. Throws when they exceed bwrap's limit. */
  options(confinement: Confinement): Buffer;
}

/** The descriptors of bwrap, in this order after the three standard ones. */
const argumentsFd = 3;
const seccompFd = 4;

const nothing = new Uint8Array();

export async function confinedLaunch(parts: LaunchParts): Promise<ConfinedLaunch> {
  const { request, policy, machine } = parts;
  const grants = grantsOf(parts);
  const table = accessTable(grants);
  const isVisible = (path: HostPath) => /read|write/.test(table.accessTo(path));
  const [{ bwrap, abilities }, { masks }, launcher, leads] = await Promise.all([
    machine.bwrap(grants),
    machine.state(),
    machine.launcher(),
    canLead(request, isVisible),
  ]);
  const plan = planOf(parts, { abilities, masks, leads });
  const inside = launcher && isVisible(launcher.real) ? launcher : undefined;
  const means = { leads, launcher: inside, bwrapRenames: abilities.argv0 };
  const command = confinedCommand(request, means);
  const around = command.isLaunched && launcher ? [launcher.path, ignoreSignals] : [];
  const options = [...bwrapFlags(plan), "--args", `${argumentsFd}`, ...command.options];
  const variables = variableArguments(request.env);
  const given = [...options, "--", ...command.argv];
  const count = given.length + countOf(variables);
  refuseTooMany(count);
  const { env, cwd } = request;
  refuseTooLarge({ argv: command.argv, env, cwd: `${cwd}` }, variables.length);
  return {
    request: {
      argv: [...around, bwrap.path, ...given] as [string, ...string[]],
      env: machine.ownVariables(),
      cwd: request.cwd,
      feeds: [{ head: nothing }, gateOf(ownSeccompProgram(policy))],
    },
    leads,
    bwrap,
    masks,
    options: (confinement) => {
      const mounts = mountArguments({ ...plan, confinement });
      refuseTooMany(count + countOf(mounts));
      return Buffer.concat([mounts, variables]);
    },
  };
}

interface Means {
  readonly abilities: Abilities;
  readonly masks: BwrapPlan["masks"];
  readonly leads: boolean;
}

function planOf({ request, policy, platform }: LaunchParts, { abilities, masks, leads }: Means) {
  return {
    masks,
    controls: platform.controls,
    // Without the namespace the filter still refuses every socket.
    ownNetwork: policy.network === "restricted" && abilities.ownNetwork,
    ownProc: abilities.ownProc,
    seccompFd,
    commandIsInit: false,
    newSession: leads,
    cwd: hostPathOf(request.cwd),
  };
}

const instructionBytes = 8;

/**
 * Uses the seccomp filter as a gate: bwrap reads it after mounting and before it runs anything, and
 * waits there. Its first instruction alone, which is all that bwrap gets when this server dies, is
 * a program without an end, which the kernel refuses: then bwrap ends and nothing has run, whatever
 * is mounted by then.
 */
function gateOf(filter: Buffer) {
  return { head: filter.subarray(0, instructionBytes), rest: filter.subarray(instructionBytes) };
}
