/** Everything that a worker for a policy is started with, and whether it still fits the world. */
import { type HostPath, shownPath } from "../protocol/path-uri.ts";
import { insideNow } from "./bwrap/inner-mounts.ts";
import { refuseMisplaced } from "./bwrap/mount-table.ts";
import { type Confinement, confinementOf } from "./policy/confinement.ts";
import type { Policy } from "./policy/policy.ts";
import { currentFingerprint, surveyWorld } from "./policy/world.ts";
import type { SandboxMachine, WorkingBwrap } from "./sandbox-machine.ts";
import { type KeptFile, keptIdentity } from "./state/state-directory.ts";
import type { Recipe } from "./workers/helper-crew.ts";
import { helperLaunch } from "./workers/launch.ts";

export interface HelperStation {
  readonly policy: Policy;
  /** Key of policy, world and programs: workers with the same key are interchangeable. */
  readonly world: string;
  readonly fingerprint: string;
  readonly confinement: Confinement;
  readonly working: WorkingBwrap;
  readonly helper: KeptFile;
}

/** The worker resolves its open descriptors through procfs. */
const procfs = "/proc" as HostPath;

export async function helperStation(
  policy: Policy,
  machine: SandboxMachine,
): Promise<HelperStation> {
  const [world, platform, helper, own] = await Promise.all([
    surveyWorld(policy, machine.mountPoints),
    machine.platform(),
    machine.helper(),
    machine.own(),
  ]);
  const needed = [...platform.runtime, helper.path, procfs];
  const confinement = confinementOf({ policy, world, platform, needed, ...own });
  const working = await machine.bwrap(confinement.grants);
  const { fingerprint } = world;
  const programs = `${working.bwrap.identity}\n${helper.path} ${helper.identity}`;
  const name = `${JSON.stringify(policy)}\n${fingerprint}\n${programs}`;
  return { policy, world: name, fingerprint, confinement, working, helper };
}

/** Mounts are fixed at the start of a worker, so any change since needs a new one. */
export function isStill(
  station: HelperStation,
  machine: SandboxMachine,
): boolean | Promise<boolean> {
  if (!machine.isCurrent(station.working.bwrap)) return false;
  if (keptIdentity(station.helper.path) !== station.helper.identity) return false;
  const isSame = (fingerprint: string) => fingerprint === station.fingerprint;
  const fingerprint = currentFingerprint(station.policy, machine.mountPoints);
  return fingerprint instanceof Promise ? fingerprint.then(isSame) : isSame(fingerprint);
}

export async function helperRecipe(
  station: HelperStation,
  machine: SandboxMachine,
): Promise<Recipe> {
  const [state, platform] = await Promise.all([machine.state(), machine.platform()]);
  const { confinement, working, helper } = station;
  const { variables, lendJournal, startWorker } = machine.options;
  const parts = {
    ...working,
    confinement,
    masks: state.masks,
    controls: platform.controls,
    variables,
    ownVariables: machine.ownVariables(),
    command: [process.execPath, shownPath(helper.path)] as const,
  };
  const { grants, mounts } = confinement;
  return {
    launch: (seccompFd) => helperLaunch(parts, seccompFd),
    bwrap: working.bwrap,
    grants,
    lendJournal,
    startWorker,
    checkMounts: async ({ pid, mounted }, isUp) => {
      await Promise.race([mounted ?? isUp, isUp]);
      let inside = insideNow(pid);
      if (!inside?.isComplete) {
        await isUp;
        inside = insideNow(pid);
      }
      if (inside) refuseMisplaced(mounts, state.masks, inside.tables);
    },
    isStill: () => isStill(station, machine),
  };
}
