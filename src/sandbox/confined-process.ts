/** How a request to start a process becomes a request to start bwrap around it. */
import type { Buffer } from "node:buffer";
import { closeSync } from "node:fs";
import { internalError } from "../protocol/errors.ts";
import { type HostPath, hostPathOf, splitPath } from "../protocol/path-uri.ts";
import type { Sandbox } from "../protocol/sandbox.ts";
import { accessTable, isBelow } from "./access.ts";
import { type BwrapPlan, bwrapFlags } from "./bwrap.ts";
import { bwrapArguments, canLead, confinedCommand } from "./confined-command.ts";
import { type Confinement, confinementOf, isInWorkspace } from "./confinement.ts";
import { insideOf } from "./inner-mounts.ts";
import { ignoreSignals } from "./launcher.ts";
import type { MadePoints, WantedPoint } from "./mount-points.ts";
import { refuseMisplaced } from "./mount-table.ts";
import type { Platform } from "./platform.ts";
import { confinesNothing, type Policy, policyOf } from "./policy.ts";
import type { SandboxMachine } from "./sandbox-machine.ts";
import { seccompMachine, seccompProgram } from "./seccomp.ts";
import { unlinkedFile } from "./unlinked-file.ts";
import { type Findings, findPlaces } from "./world.ts";

/** The part of a start that a sandbox changes. */
export interface ProcessRequest {
  readonly argv: readonly [string, ...string[]];
  readonly arg0?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** As node:fs takes it. */
  readonly cwd: string | Buffer;
  /** Without a terminal when absent. */
  readonly stdio?: "pipes" | "pipes+stdin" | "pty" | undefined;
}

export interface ConfinedProcess {
  readonly request: ProcessRequest & {
    /** Given to the process from 3 on. */
    readonly fds: readonly number[];
    /** Behind them, what it waits for. */
    readonly feed: { readonly head: Uint8Array; readonly rest: Uint8Array };
  };
  /**
   * To be called when the start is over, without a process when it failed. Only then the command
   * runs. Rejects when bwrap has mounted something else than was meant: then the process, which
   * waits, is to be killed. Gives the group that signals for the command are meant for, where it is
   * not that of the process.
   */
  started(child?: WaitingProcess): Promise<number | undefined>;
  /** To be called when the process has ended or could not be started. Once. */
  ended(): Promise<void>;
}

/** A bwrap that was started with the feed of its request. */
export interface WaitingProcess {
  readonly pid: number;
  readonly feed?: Gate | undefined;
}

/** Holds bwrap back until it is fed. */
interface Gate {
  /** Settles when bwrap has come to it; undefined where that cannot be seen. */
  readonly begun: Promise<void> | undefined;
  finish(): void;
  close(): void;
}

/** Undefined when the sandbox object asks for nothing that a process would notice. */
export async function confineProcess(
  sandbox: Sandbox,
  request: ProcessRequest,
  machine: SandboxMachine,
): Promise<ConfinedProcess | undefined> {
  const policy = policyOf(sandbox, surroundingsOf(request, machine));
  if (confinesNothing(policy)) return undefined;
  const before = await findPlaces(policy, noMountPoints);
  const made = await machine.mountPoints.make(pointsIn(before));
  try {
    const [platform, state, kept] = await Promise.all([
      machine.platform(),
      machine.state(),
      machine.kept(),
    ]);
    const world = made.isOutdated ? await findPlaces(policy, noMountPoints) : before;
    const found = withMade(world, made);
    const confinement = confinementOf({ policy, world: found, platform, kept });
    const confined = await confinedRequest({ request, policy, platform, confinement, machine });
    const { fds, leads } = confined;
    const meant = { fds, leads, confinement, masks: state.masks };
    return {
      request: confined,
      started: (child) => letRun(child, meant),
      ended: made.release,
    };
  } catch (error) {
    await made.release();
    throw error;
  }
}

interface Meant {
  readonly fds: readonly number[];
  readonly leads: boolean;
  readonly confinement: Confinement;
  readonly masks: BwrapPlan["masks"];
}

async function letRun(
  child: WaitingProcess | undefined,
  meant: Meant,
): Promise<number | undefined> {
  const { fds, leads, confinement, masks } = meant;
  for (const fd of fds) closeSync(fd);
  if (!child) return undefined;
  const { pid, feed } = child;
  try {
    const inside = await insideOf(pid, feed?.begun);
    if (inside) refuseMisplaced(confinement.mounts, masks, inside.tables);
    feed?.finish();
    return leads ? inside?.pid : undefined;
  } finally {
    feed?.close();
  }
}

/** The mount points are directories now; everything else is as it was found. */
function withMade(world: Findings, { paths }: MadePoints): Findings {
  const places = world.places.map((place) =>
    paths.has(place.real) ? { ...place, kind: "directory" as const } : place,
  );
  return { ...world, places };
}

const noMountPoints = new Set<HostPath>();

/** `tmpdir` is what the process itself takes for it. */
function surroundingsOf({ env, cwd }: ProcessRequest, machine: SandboxMachine) {
  const { TMPDIR } = env;
  return {
    ...machine.surroundings,
    cwd: hostPathOf(cwd),
    temporaryDirectory: TMPDIR?.startsWith("/") ? hostPathOf(TMPDIR) : undefined,
  };
}

/**
 * Places that must not come into being, in directories where they could, with the directories that
 * are missing on the way: a mount needs all of them.
 */
function pointsIn(world: Findings): WantedPoint[] {
  const rules = world.places.map(({ real, rule }) => ({ path: real, access: rule.access }));
  const table = accessTable({ rules, denyGlobs: world.denyGlobs });
  const points = world.places
    .filter(({ rule }) => rule.access !== "write" && !rule.skipMissing)
    .filter(({ kind }) => kind === "missing" || kind === "directory")
    .filter(({ real }) => table.accessTo(splitPath(real).parent) === "write")
    .filter(({ nearest }) => nearest.kind === "directory")
    .flatMap(({ real, kind, nearest }) => [
      { path: real, isMissing: kind === "missing" },
      ...between(nearest.path, real).map((path) => ({ path, isMissing: true })),
    ]);
  return [...new Map(points.map((point) => [point.path, point])).values()];
}

function between(above: HostPath, below: HostPath): HostPath[] {
  const { parent } = splitPath(below);
  return isBelow(parent, above) ? [...between(above, parent), parent] : [];
}

interface Parts {
  readonly request: ProcessRequest;
  readonly policy: Policy;
  readonly platform: Platform;
  readonly confinement: Confinement;
  readonly machine: SandboxMachine;
}

/** Descriptors that bwrap is given, in this order after the three standard ones. */
const argumentsFd = 3;
const seccompFd = 4;

async function confinedRequest({ request, policy, platform, confinement, machine }: Parts) {
  const table = accessTable(confinement.grants);
  const isVisible = (path: HostPath) => /read|write/.test(table.accessTo(path));
  const [{ bwrap, abilities }, state, launcher, leads] = await Promise.all([
    machine.bwrap((path) => isInWorkspace(confinement, path)),
    machine.state(),
    machine.launcher(),
    canLead(request, isVisible),
  ]);
  const arch = seccompMachine(process.arch);
  if (!arch) throw internalError(`there is no system call filter for ${process.arch}`);
  const plan: BwrapPlan = {
    confinement,
    masks: state.masks,
    controls: platform.controls,
    // Without the namespace the filter still refuses every socket.
    ownNetwork: policy.network === "restricted" && abilities.ownNetwork,
    ownProc: abilities.ownProc,
    seccompFd,
    commandIsInit: false,
    newSession: leads,
    cwd: hostPathOf(request.cwd),
  };
  const inside = launcher && isVisible(launcher.real) ? launcher : undefined;
  const means = { leads, launcher: inside, bwrapRenames: abilities.argv0 };
  const command = confinedCommand(request, means);
  const around = command.isLaunched && launcher ? [launcher.path, ignoreSignals] : [];
  const options = [...bwrapFlags(plan), "--args", `${argumentsFd}`, ...command.options];
  const filter = seccompProgram(arch, { network: policy.network });
  return {
    argv: [...around, bwrap.path, ...options, "--", ...command.argv] as [string, ...string[]],
    env: machine.ownVariables(),
    cwd: request.cwd,
    leads,
    fds: [unlinkedFile(state.path, bwrapArguments(request.env, plan))],
    feed: gateOf(filter),
  };
}

const instructionBytes = 8;

/**
 * bwrap reads the filter when all is mounted and before it runs anything, so there it waits. Its
 * first instruction alone, which is what is left when this server dies, is a program that does not
 * end, which the kernel refuses: then bwrap ends, and nothing has run.
 */
function gateOf(filter: Buffer) {
  return { head: filter.subarray(0, instructionBytes), rest: filter.subarray(instructionBytes) };
}
