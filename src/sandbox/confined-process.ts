/** Turns a request to start a process into one to start bwrap around it. */
import { release } from "node:os";
import { mountPointTriesMax } from "../limits.ts";
import { type HostPath, hostPathOf, splitPath } from "../protocol/path-uri.ts";
import type { Sandbox } from "../protocol/sandbox.ts";
import { startFailure } from "./bwrap/health-reasons.ts";
import { insideOf } from "./bwrap/inner-mounts.ts";
import { refuseMisplaced } from "./bwrap/mount-table.ts";
import { type ConfinedLaunch, confinedLaunch } from "./confined-launch.ts";
import type { MadePoints } from "./mount-points/mount-points.ts";
import { pointsIn } from "./mount-points/wanted-points.ts";
import { type Confinement, type ConfinementParts, confinementOf } from "./policy/confinement.ts";
import { confinesNothing, policyOf } from "./policy/policy.ts";
import { type Findings, findPlaces } from "./policy/world.ts";
import { WorldChangedError } from "./policy/world-changed-error.ts";
import type { BwrapRequest, ProcessRequest } from "./process-request.ts";
import { endOfSandbox } from "./sandbox-end.ts";
import type { SandboxMachine } from "./sandbox-machine.ts";
import { birthOf } from "./state/state-directory.ts";

export interface ConfinedProcess {
  readonly request: BwrapRequest;
  /**
   * To be called when the start is over, without a process when it failed. Only then the command
   * runs. Rejects when bwrap has made other mounts than intended: then the waiting process must be
   * killed. Gives the process group for the command's signals, where it is not that of the process.
   */
  started(child?: WaitingProcess): Promise<number | undefined>;
  /** To be called once, after `started`, when the process has ended or could not be started. */
  ended(): Promise<void>;
  /** The names of mount points that stand for missing paths, except protected names. */
  standIns(): readonly string[];
}

/** A bwrap that was started with the feeds of its request. */
interface WaitingProcess {
  readonly pid: number;
  readonly feeds: readonly WaitedFor[];
  /** Its output, to be called when it has ended before its command ran. */
  lastWords(): Promise<string>;
}

/** Input for which bwrap waits. */
interface WaitedFor {
  /** Settles when bwrap begins to read it; undefined where that cannot be observed. */
  readonly begun: Promise<void> | undefined;
  finish(rest?: Uint8Array): void;
  close(): void;
}

/** Confines a process. Undefined when the policy has no effect on processes. */
export async function confineProcess(
  sandbox: Sandbox,
  request: ProcessRequest,
  machine: SandboxMachine,
): Promise<ConfinedProcess | undefined> {
  const policy = policyOf(sandbox, await surroundingsOf(request, machine));
  if (confinesNothing(policy)) return undefined;
  const [world, platform, own] = await Promise.all([
    findPlaces(policy, machine.mountPoints),
    machine.platform(),
    machine.own(),
  ]);
  const found = { policy, world, platform, ...own, keptBirths: own.kept.map(birthOf) };
  machine.running.add(found);
  try {
    const launch = await confinedLaunch({ request, machine, ...found });
    return new ConfinedStart({ request, machine, found, launch });
  } catch (error) {
    machine.running.delete(found);
    throw error;
  }
}

interface StartParts {
  readonly request: ProcessRequest;
  readonly machine: SandboxMachine;
  readonly found: ConfinementParts;
  readonly launch: ConfinedLaunch;
}

/**
 * The work while bwrap starts, which takes a millisecond until it reads its arguments: mount points
 * are made, and bwrap is told its mounts.
 */
class ConfinedStart implements ConfinedProcess {
  readonly request: BwrapRequest;
  readonly #parts: StartParts;
  #making: Promise<MadePoints> | undefined;
  #endSandbox: (() => Promise<void>) | undefined;
  #made: ReadonlySet<HostPath> = new Set();

  constructor(parts: StartParts) {
    this.#parts = parts;
    this.request = parts.launch.request;
  }

  standIns(): string[] {
    const { places } = this.#parts.found.world;
    const isProtected = new Set(
      places.filter(({ rule }) => rule.origin === "protected").map(({ real }) => real),
    );
    const made = [...this.#made].filter((path) => !isProtected.has(path));
    return made.map((path) => splitPath(path).name);
  }

  async started(child?: WaitingProcess): Promise<number | undefined> {
    if (!child) return undefined;
    const { leads, masks } = this.#parts.launch;
    const [options, gate] = child.feeds;
    try {
      const confinement = await this.#confinement();
      options?.finish(this.#parts.launch.options(confinement));
      const inside = await insideOf(child.pid, gate?.begun);
      if (inside === "ended") await this.#refuseFailure(child);
      else if (inside !== "none") {
        refuseMisplaced(confinement.mounts, masks, inside.tables);
        this.#endSandbox = endOfSandbox(inside.pid);
      }
      gate?.finish();
      return leads && typeof inside === "object" ? inside.pid : undefined;
    } finally {
      for (const feed of child.feeds) feed.close();
    }
  }

  /**
   * Kills the rest of the sandbox first: without its mount points it could create protected names.
   */
  async ended(): Promise<void> {
    await this.#endSandbox?.();
    this.#parts.machine.running.delete(this.#parts.found);
    await (await this.#making?.catch(alreadyReported))?.release();
  }

  /** Throws when bwrap failed to start. Other ends, such as a signal, are told by the exit. */
  async #refuseFailure({ lastWords }: WaitingProcess): Promise<void> {
    const { bwrap } = this.#parts.launch;
    const failure = startFailure({ complaint: await lastWords(), bwrap, kernel: release() });
    if (failure) throw failure;
  }

  /**
   * Surveys the world and makes the mount points. Starts over when the file system changed in
   * between, because a missing path must never be left without a mount point.
   */
  async #confinement(): Promise<Confinement> {
    const { machine, found } = this.#parts;
    let { world } = found;
    for (let tries = 0; tries < mountPointTriesMax; tries++) {
      this.#making = machine.mountPoints.make(pointsIn(world));
      const made = await this.#making;
      if (!made.isOutdated) {
        this.#made = made.paths;
        return confinementOf({ ...found, world: withMade(world, made) });
      }
      this.#making = undefined;
      await made.release();
      world = await this.#worldNow();
    }
    throw new WorldChangedError();
  }

  /** Surveys the world again. What was started must still be what would be started now. */
  async #worldNow(): Promise<Findings> {
    const { request, machine, found, launch } = this.#parts;
    const world = await findPlaces(found.policy, machine.mountPoints);
    const now = await confinedLaunch({ request, machine, ...found, world });
    const isSame = now.request.argv.join("\0") === launch.request.argv.join("\0");
    if (!isSame) throw new WorldChangedError();
    return world;
  }
}

/** The start has failed with this error, too. */
const alreadyReported = () => undefined;

/** The findings, with the mount points as directories. */
function withMade(world: Findings, { paths }: MadePoints): Findings {
  const places = world.places.map((place) =>
    paths.has(place.real) ? { ...place, kind: "directory" as const } : place,
  );
  return { ...world, places };
}

/** `tmpdir` is taken from the variables of the process. */
async function surroundingsOf({ env, cwd }: ProcessRequest, machine: SandboxMachine) {
  const { TMPDIR } = env;
  return {
    ...machine.surroundings,
    cwd: hostPathOf(cwd),
    temporaryDirectory: TMPDIR?.startsWith("/") ? hostPathOf(TMPDIR) : undefined,
    secrets: await machine.secrets(),
  };
}
