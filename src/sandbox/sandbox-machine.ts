/** What all sandboxes of this server share. Found out once; only bwrap is checked again. */
import { statSync } from "node:fs";
import { askedOnce } from "../async/asked-once.ts";
import { healthRetryMs } from "../limits.ts";
import { toRpcError } from "../protocol/errors.ts";
import { type HostPath, hostPathOf, isWithin, nodePath, shownPath } from "../protocol/path-uri.ts";
import { type Bwrap, BwrapSearch, bwrapIdentity } from "./bwrap/find-bwrap.ts";
import { type Abilities, type BwrapHealth, examine, type Run, runByNode } from "./bwrap/health.ts";
import { setUpFailure } from "./bwrap/health-reasons.ts";
import { findLauncher, type Launcher } from "./bwrap/launcher.ts";
import { MountPoints } from "./mount-points/mount-points.ts";
import { accessTable, type Grants } from "./policy/access.ts";
import {
  type ConfinementParts,
  grantsOf,
  isInWorkspace,
  type OwnDirectories,
} from "./policy/confinement.ts";
import { type Platform, surveyPlatform } from "./policy/platform.ts";
import type { Surroundings } from "./policy/policy.ts";
import { existingPath } from "./policy/real-path.ts";
import {
  birthOf,
  type KeptFile,
  keepFile,
  keptDirectory,
  keptIdentity,
  ownDirectory,
  type StateDirectory,
  stateDirectoryPath,
} from "./state/state-directory.ts";
import { noRoomFix, StateKeeper, statePlaces } from "./state/state-keeper.ts";
import type { LendJournal } from "./workers/helper-worker.ts";
import { ownProgram } from "./workers/own-program.ts";
import type { StartWorker } from "./workers/worker-process.ts";

/** Facts about the outside world, which the sandbox does not look up itself. */
export interface SandboxOptions {
  /** The server's own variables: PATH, TMPDIR, TMP, TEMP and HOME count. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Starts fs-helpers; by Node's child_process when absent. */
  readonly startWorker?: StartWorker | undefined;
  /** Variables for each bwrap, by which the keeper finds it after this server's death. */
  readonly ownVariables?: (() => Readonly<Record<string, string>>) | undefined;
  /** Directories, besides the state directory, whose content servers of this user trust. */
  readonly keptDirectories?: readonly string[] | undefined;
  /** Names in each of these directories that no sandbox may even read; none when absent. */
  readonly hiddenNames?: (() => readonly string[]) | undefined;
  /** Files that no confined command may read; see `Surroundings`. None when absent. */
  readonly secretFiles?: readonly string[] | undefined;
  /** Called for each fs-helper. */
  readonly lendJournal?: LendJournal | undefined;
  /** Runs the programs that probe this machine; by Node's child_process when absent. */
  readonly run?: Run | undefined;
  /** Whether mounts may have changed since the last call; without it they are read each time. */
  readonly mountWatch?: (() => boolean) | undefined;
}

export interface SandboxHealth {
  readonly available: boolean;
  readonly reason?: string;
  readonly fix?: string;
}

export interface WorkingBwrap {
  readonly bwrap: Bwrap;
  readonly abilities: Abilities;
}

export class SandboxMachine {
  readonly options: SandboxOptions;
  readonly surroundings: Surroundings;
  /** Mount points that were made in workspaces for running processes. */
  readonly mountPoints = new MountPoints(async () => (await this.state()).marks);
  /** The confinements of the running processes. */
  readonly running = new Set<ConfinementParts>();
  readonly #healths = new Map<string, Promise<BwrapHealth>>();
  readonly #run: Run;
  readonly #states: StateKeeper;
  readonly #bwraps: BwrapSearch;
  #helper: Promise<KeptFile> | undefined;
  /** The files and directories of the system that a sandbox may need. */
  readonly platform: () => Promise<Platform> = askedOnce(surveyPlatform);
  /** The `env` that makes commands, and not bwrap, react to a terminal's signals. */
  readonly launcher: () => Promise<Launcher | undefined>;

  constructor(options: SandboxOptions) {
    const { variables, cwd, run = runByNode } = options;
    this.options = options;
    this.#run = run;
    this.#bwraps = new BwrapSearch(variables.PATH ?? "/usr/bin:/bin");
    this.launcher = askedOnce(() => findLauncher(run));
    this.#states = new StateKeeper({
      places: statePlaces(variables.TMPDIR),
      isExposed: (path) => this.isExposed(path),
    });
    this.surroundings = {
      cwd: hostPathOf(cwd),
      home: absolute(variables.HOME),
      temporaryDirectory: absolute(variables.TMPDIR),
    };
  }

  /** The real paths of the secret files that exist now. */
  async secrets(): Promise<HostPath[]> {
    const { secretFiles = [] } = this.options;
    const found = await Promise.all(secretFiles.map((file) => existingPath(hostPathOf(file))));
    return found.filter((path) => path !== undefined);
  }

  /** Variables for each bwrap. */
  ownVariables(): Readonly<Record<string, string>> {
    return this.options.ownVariables?.() ?? {};
  }

  /** Whether work can be confined here. Takes about 20 ms the first time. */
  async health(): Promise<SandboxHealth> {
    const bwrap = await this.#bwraps.find();
    const stateFailure = bwrap && this.state().then(nothingWrong, reasonOf);
    const health = await this.#examined(bwrap);
    if (!health.abilities) return { available: false, ...health.explanation };
    const reason = await stateFailure;
    return reason === undefined ? { available: true } : { available: false, reason };
  }

  /**
   * A working bwrap that lies outside of the workspace of these grants, where a confined process
   * could have replaced it. Throws an RpcError with reason and fix when there is none.
   */
  async bwrap(grants: Grants): Promise<WorkingBwrap> {
    const bwrap = await this.#bwraps.find((path) => isInWorkspace(grants, path));
    const health = await this.#examined(bwrap);
    if (bwrap && health.abilities) {
      return { bwrap, abilities: { ...health.abilities, argv0: await health.argv0() } };
    }
    throw setUpFailure("explanation" in health ? health.explanation : { reason: "" });
  }

  /** Whether a bwrap that was found is still the same file. */
  isCurrent({ path, identity }: Bwrap): boolean {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats !== undefined && bwrapIdentity(path, stats) === identity;
  }

  state(): Promise<StateDirectory> {
    return this.#states.state();
  }

  /** Real paths of this server's own directories, made if missing so that mounts can cover them. */
  async own(): Promise<OwnDirectories> {
    const { path } = await this.state();
    const { keptDirectories = [], hiddenNames = () => [] } = this.options;
    const own = stateDirectoryPath(this.#states.place);
    const others = keptDirectories.filter((other) => other !== own).map(keptDirectory);
    const kept = [path, ...(await Promise.all(others)).filter((other) => other !== undefined)];
    const names = hiddenNames();
    const hidden = kept.flatMap((around) => names.map((name) => `${around}/${name}` as HostPath));
    return { kept, hidden: (await Promise.all(hidden.map(madeInKept))).flat() };
  }

  /**
   * Whether some running process could write at `path`. A mount that covers a directory for a
   * process vanishes when that directory is removed: another directory in its place is not covered.
   */
  isExposed(path: HostPath): boolean {
    return [...this.running].some((found) => {
      const { kept = [], keptBirths = [] } = found;
      const isCovered = kept.some(
        (own, at) => isWithin(path, own) && keptBirths[at] && keptBirths[at] === birthOf(own),
      );
      return !isCovered && accessTable(grantsOf(found)).accessTo(path) === "write";
    });
  }

  /**
   * The fs-helper's file, in a directory that no sandbox can write. It is written anew when it is
   * not the file that this server wrote, because it must not be another program.
   */
  async helper(): Promise<KeptFile> {
    const known = this.#helper;
    const [state, kept] = await Promise.all([this.state(), known?.catch(tried)]);
    if (kept && isWithin(kept.path, state.path) && keptIdentity(kept.path) === kept.identity) {
      return kept;
    }
    // A call meanwhile may have begun to write it already.
    if (this.#helper === known) this.#helper = this.#keepHelper();
    return this.#helper as Promise<KeptFile>;
  }

  async #keepHelper(): Promise<KeptFile> {
    const [state, program] = await Promise.all([this.state(), ownProgram("fs-helper")]);
    const { createHash } = await import("node:crypto");
    const hash = createHash("sha256").update(program).digest("hex").slice(0, 16);
    try {
      return await keepFile(state, `fs-helper-${hash}.cjs`, program);
    } catch (error) {
      const where = `${shownPath(state.path)} cannot hold the fs-helper`;
      throw setUpFailure({ reason: `${where}: ${reasonOf(error)}`, fix: noRoomFix }, error);
    }
  }

  #examined(bwrap: Bwrap | undefined): Promise<BwrapHealth> {
    const identity = bwrap?.identity ?? "";
    const known = this.#healths.get(identity);
    if (known) return known;
    const health = examine(bwrap, this.#run);
    this.#healths.set(identity, health);
    void health.then((found) => {
      // The cause may be fixed while the server runs.
      if (found.abilities) return;
      setTimeout(() => this.#healths.delete(identity), healthRetryMs).unref();
    });
    return health;
  }
}

/** The path, made if missing; empty when it cannot be made, for then it hides nothing. */
async function madeInKept(path: HostPath): Promise<HostPath[]> {
  if (birthOf(path) !== "") return [path];
  const made = await ownDirectory(nodePath(path)).then(() => true, tried);
  return made ? [path] : [];
}

const nothingWrong = () => undefined;
const reasonOf = (error: unknown) => toRpcError(error).message;

/** The call that made the attempt gets the failure. */
const tried = () => undefined;

function absolute(path: string | undefined): HostPath | undefined {
  return path?.startsWith("/") ? hostPathOf(path) : undefined;
}
