/** The sandbox as the local environment sees it: confines processes and file operations. */
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
import { watchOuterMounts } from "../system/outer-mounts.ts";
import { type ConfinedFiles, confinedFiles } from "./confined-files.ts";
import { type ConfinedProcess, confineProcess } from "./confined-process.ts";
import { helperRecipe, helperStation } from "./helper-station.ts";
import { policyOf, writesEverything } from "./policy/policy.ts";
import type { ProcessRequest } from "./process-request.ts";
import { type SandboxHealth, SandboxMachine, type SandboxOptions } from "./sandbox-machine.ts";
import { HelperPool, type PoolLimits } from "./workers/helper-pool.ts";

export interface LocalSandbox {
  /** Whether work can be confined here, and if not, why and what helps. */
  health(): Promise<SandboxHealth>;
  /** Operations on files for one connection. */
  files(): ConfinedFiles;
  /** How to start a process confined; undefined when the policy restricts nothing for a process. */
  confine(sandbox: Sandbox, request: ProcessRequest): Promise<ConfinedProcess | undefined>;
  /** Whether some running confined process could write at `path`, which must have no links. */
  isExposed(path: string): boolean;
  /** Starts an fs-helper for this sandbox ahead of the first request for it. */
  prepare(sandbox: Sandbox): void;
  /** How many helpers are busy and idle, and how many starts wait for a place in the pool. */
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
  // Begun ahead, so that the first client need not wait. The answer to `initialize` contains the
  // health, so everything else comes after it.
  let isClosed = false;
  const sweep = async () => {
    await setTimeout(startSettledMs, undefined, { ref: false });
    if (!isClosed) await machine.mountPoints.sweep();
  };
  void machine.health().then(sweep, sweep).catch(ignoreFailure);
  const pool = new HelperPool({ ...usualLimits, ...options.limits });
  return {
    health: () => Promise.race([machine.health(), unknownYet()]),
    files: () => confinedFiles(machine, pool),
    confine: (sandbox, request) => confineProcess(sandbox, request, machine),
    isExposed: (path) => machine.isExposed(hostPathOf(path)),
    prepare: (sandbox) => void prepare(sandbox, machine, pool).catch(ignoreFailure),
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

/** Nothing needs the failed part yet; the first operation that does meets the same error. */
function ignoreFailure(): void {}
