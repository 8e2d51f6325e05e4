/** How a request to start a process becomes a request to start bwrap around it. */
import type { Buffer } from "node:buffer";
import { closeSync } from "node:fs";
import { internalError } from "../protocol/errors.ts";
import { type HostPath, hostPathOf, splitPath } from "../protocol/path-uri.ts";
import type { Sandbox } from "../protocol/sandbox.ts";
import { accessTable, isBelow } from "./access.ts";
import { type BwrapPlan, bwrapFlags } from "./bwrap.ts";
import { bwrapArguments, confinedCommand } from "./confined-command.ts";
import { type Confinement, confinementOf, isInWorkspace } from "./confinement.ts";
import { type Gate, innerMounts, openGate } from "./inner-mounts.ts";
import { ignoreSignals } from "./launcher.ts";
import type { MadePoints, WantedPoint } from "./mount-points.ts";
import { refuseMisplaced } from "./mount-table.ts";
import type { Platform } from "./platform.ts";
import { confinesNothing, type Policy, policyOf } from "./policy.ts";
import type { SandboxMachine } from "./sandbox-machine.ts";
import { seccompMachine, seccompProgram } from "./seccomp.ts";
import { unlinkedFiles } from "./unlinked-files.ts";
import { surveyWorld, type World } from "./world.ts";

/** The part of a start that a sandbox changes. */
export interface ProcessRequest {
  readonly argv: readonly [string, ...string[]];
  readonly arg0?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** As node:fs takes it. */
  readonly cwd: string | Buffer;
}

export interface ConfinedProcess {
  readonly request: ProcessRequest & { readonly fds: readonly number[] };
  /**
   * To be called when the start is over, without an id when it failed. Only then the command runs.
   * Rejects when bwrap has mounted something else than was meant: then the process, which waits, is
   * to be killed.
   */
  started(pid?: number): Promise<void>;
  /** To be called when the process has ended or could not be started. Once. */
  ended(): Promise<void>;
}

/** Undefined when the sandbox object asks for nothing that a process would notice. */
export async function confineProcess(
  sandbox: Sandbox,
  request: ProcessRequest,
  machine: SandboxMachine,
): Promise<ConfinedProcess | undefined> {
  const policy = policyOf(sandbox, surroundingsOf(request, machine));
  if (confinesNothing(policy)) return undefined;
  const before = await surveyWorld(policy, noMountPoints);
  const made = await machine.mountPoints.make(pointsIn(before));
  try {
    const [platform, state] = await Promise.all([machine.platform(), machine.state()]);
    const world = made.isOutdated ? await surveyWorld(policy, noMountPoints) : before;
    const found = withMade(world, made);
    const confinement = confinementOf({ policy, world: found, platform, kept: [state.path] });
    const confined = await confinedRequest({ request, policy, platform, confinement, machine });
    const { gate, ...rest } = confined;
    return {
      request: rest,
      started: (pid) => letRun(pid, { gate, fds: rest.fds, confinement, masks: state.masks }),
      ended: made.release,
    };
  } catch (error) {
    await made.release();
    throw error;
  }
}

interface Waiting {
  readonly gate: Gate;
  readonly fds: readonly number[];
  readonly confinement: Confinement;
  readonly masks: BwrapPlan["masks"];
}

async function letRun(pid: number | undefined, waiting: Waiting): Promise<void> {
  const { gate, fds, confinement, masks } = waiting;
  try {
    for (const fd of fds) if (fd !== gate.fd) closeSync(fd);
    if (pid === undefined) return;
    const inside = await innerMounts(pid);
    if (inside !== undefined) refuseMisplaced(confinement.mounts, masks, inside);
    gate.open();
  } finally {
    gate.close();
  }
}

/** The mount points are directories now; everything else is as it was found. */
function withMade(world: World, { paths }: MadePoints): World {
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
function pointsIn(world: World): WantedPoint[] {
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
const seccompFd = 3;
const argumentsFd = 4;
const gateFd = 5;

async function confinedRequest({ request, policy, platform, confinement, machine }: Parts) {
  const [{ bwrap, abilities }, state, launcher] = await Promise.all([
    machine.bwrap((path) => isInWorkspace(confinement, path)),
    machine.state(),
    machine.launcher(),
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
    newSession: false,
    cwd: hostPathOf(request.cwd),
  };
  const isVisible = (path: HostPath) =>
    /read|write/.test(accessTable(confinement.grants).accessTo(path));
  const inside = launcher && isVisible(launcher.real) ? launcher : undefined;
  const command = confinedCommand(request, { launcher: inside, bwrapRenames: abilities.argv0 });
  const around = command.isLaunched && launcher ? [launcher.path, ignoreSignals] : [];
  const given = ["--args", `${argumentsFd}`, "--block-fd", `${gateFd}`];
  const options = [...bwrapFlags(plan), ...given, ...command.options];
  const filter = seccompProgram(arch, { network: policy.network });
  // Before a descriptor is open that nobody would close: it may be refused.
  const argumentBytes = bwrapArguments(request.env, plan);
  const files = unlinkedFiles(state.path, [filter, argumentBytes]);
  const gate = gateBeside(files);
  return {
    argv: [...around, bwrap.path, ...options, "--", ...command.argv] as [string, ...string[]],
    env: {},
    cwd: request.cwd,
    fds: [...files, gate.fd],
    gate,
  };
}

function gateBeside(files: readonly number[]): Gate {
  try {
    return openGate();
  } catch (error) {
    for (const fd of files) closeSync(fd);
    throw error;
  }
}
