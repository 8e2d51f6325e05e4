/** All that a server needs to confine what its clients ask for. */
import { setTimeout } from "node:timers/promises";
import {
  healthWaitMs,
  helperCrowdMs,
  helperIdleMs,
  helperOperationMs,
  helperStartMs,
  helpersMax,
  helpersPerPolicyMax,
  startSettledMs,
} from "../limits.ts";
import { hostPathOf } from "../protocol/path-uri.ts";
import type { Sandbox } from "../protocol/sandbox.ts";
import { type ConfinedFiles, confinedFiles } from "./confined-files.ts";
import { type ConfinedProcess, confineProcess, type ProcessRequest } from "./confined-process.ts";
import { HelperPool, type PoolLimits } from "./helper-pool.ts";
import { helperRecipe, helperStation } from "./helper-station.ts";
import { watchOuterMounts } from "./outer-mounts.ts";
import { policyOf, writesEverything } from "./policy.ts";
import { type SandboxHealth, SandboxMachine, type SandboxOptions } from "./sandbox-machine.ts";

export interface LocalSandbox {
  /** Whether work can be confined here, and if not, why and what helps. */
  health(): Promise<SandboxHealth>;
  /** Operations on files for one connection. */
  files(): ConfinedFiles;
  /** Undefined when the sandbox object asks for nothing that a process would notice. */
  confine(sandbox: Sandbox, request: ProcessRequest): Promise<ConfinedProcess | undefined>;
  /** Whether a confined process that runs could write there now; the path has no links. */
  isExposed(path: string): boolean;
  /** Starts an fs-helper for this sandbox, which will soon be asked for. */
  prepare(sandbox: Sandbox): void;
  /** How many helpers there are now, and how many starts wait for a place among them. */
  helperCensus(): HelperPool["census"];
  /** Ends all helpers. */
  close(): Promise<void>;
}

const usualLimits: PoolLimits = {
  startMs: helperStartMs,
  operationMs: helperOperationMs,
  workersMax: helpersMax,
  workersPerCrewMax: helpersPerPolicyMax,
  crowdMs: helperCrowdMs,
  idleMs: helperIdleMs,
};

export function localSandbox(
  options: SandboxOptions & { readonly limits?: Partial<PoolLimits> },
): LocalSandbox {
  const machine = new SandboxMachine(options);
  if (options.mountWatch) watchOuterMounts(options.mountWatch);
  // Nobody waits for these now: when somebody asks, they will be known. The answer to the first
  // initialize is what asks for the health, so all else comes behind it.
  let isClosed = false;
  const sweep = async () => {
    await setTimeout(startSettledMs, undefined, { ref: false });
    if (!isClosed) await machine.mountPoints.sweep();
  };
  void machine.health().then(sweep, sweep).catch(toldToWhoeverNeedsIt);
  const pool = new HelperPool({ ...usualLimits, ...options.limits });
  return {
    health: () => Promise.race([machine.health(), unknownYet()]),
    files: () => confinedFiles(machine, pool),
    confine: (sandbox, request) => confineProcess(sandbox, request, machine),
    isExposed: (path) => machine.isExposed(hostPathOf(path)),
    prepare: (sandbox) => void prepare(sandbox, machine, pool).catch(toldToWhoeverNeedsIt),
    helperCensus: () => pool.census,
    close: async () => {
      isClosed = true;
      await pool.close();
      machine.mountPoints.close();
    },
  };
}

async function unknownYet(): Promise<SandboxHealth> {
  await setTimeout(healthWaitMs, undefined, { ref: false });
  return { available: false, reason: "bwrap is still being tried; it has not answered so far" };
}

async function prepare(sandbox: Sandbox, machine: SandboxMachine, pool: HelperPool) {
  const policy = policyOf(sandbox, machine.surroundings);
  if (writesEverything(policy)) return;
  const station = await helperStation(policy, machine);
  pool.prepare(station.world, () => helperRecipe(station, machine));
}

/** A spare that cannot be started is no failure yet; the operation that needs it meets the same. */
function toldToWhoeverNeedsIt(): void {}
