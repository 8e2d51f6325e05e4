import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { constants as system } from "node:os";
import { type Libc, loadLibc, native } from "../../libc/libc.ts";
import { tagPrefixMark, variableMark } from "../descendants/keeper-script.ts";
import { reapOrphans } from "../descendants/orphans.ts";
import { sessionMark, TreeKiller } from "../descendants/tree-kill.ts";
import { belowCwd, findProgram } from "../start/program-lookup.ts";
import { RunningProcesses } from "../start/running-processes.ts";
import type {
  LastWork,
  ProcessSink,
  SpawnedProcess,
  Spawner,
  SpawnerCapabilities,
  SpawnRequest,
} from "../start/spawner.ts";
import { checkStrings, explainFailure, systemFailure } from "../start/start-failure.ts";
import { ExitWatcher } from "./exit.ts";
import { Keeper } from "./keeper.ts";
import { type Launched, type LaunchLane, launchLane } from "./launch.ts";
import { libcProcessTable, tagMark } from "./marks.ts";
import { Poller } from "./poller.ts";
import { PosixProcess } from "./process.ts";
import { ReadAheads } from "./read-ahead.ts";
import { ReadMemory } from "./reader.ts";
import { closeOurEnds, openStdio, type StdioPlan } from "./stdio.ts";

/** A tag is the number of the server and, in its last ten digits, that of the process. */
const tagsPerServer = 10n ** 10n;
const unlimited = 2n ** 64n - 1n;

/** Rejects where the native functions are missing. */
export async function createPosixSpawner(
  lastWork?: LastWork,
  withoutTerminals?: string,
): Promise<Spawner> {
  const libc = await loadLibc();
  closeOwnDescriptorsOnExec(libc);
  // As in the reference, started processes leave no core files.
  libc.prlimit(0, native.RLIMIT_CORE, BigUint64Array.of(0n, 0n), null);
  return new PosixSpawner(libc, lastWork, withoutTerminals);
}

/** For descriptors that this server has inherited; those that it opens are close-on-exec anyway. */
function closeOwnDescriptorsOnExec(libc: Libc): void {
  for (const fd of readdirSync("/proc/self/fd").map(Number)) {
    if (fd > 2) libc.fcntl(fd, native.F_SETFD, "int", native.FD_CLOEXEC);
  }
}

class PosixSpawner implements Spawner {
  readonly capabilities: SpawnerCapabilities;
  readonly #libc: Libc;
  readonly #lane: LaunchLane;
  readonly #poller: Poller;
  readonly #exits: ExitWatcher;
  readonly #keeper: Keeper;
  readonly #byTag: TreeKiller;
  readonly #bySession: TreeKiller;
  readonly #memory = new ReadMemory();
  readonly #aheads: ReadAheads;
  readonly #running = new RunningProcesses();
  readonly #leaveOrphans: () => void;
  readonly #canTag: boolean;
  readonly #ownVariables: Readonly<Record<string, string>>;
  #lastTag: bigint;
  #isClosed = false;

  constructor(libc: Libc, lastWork: LastWork | undefined, withoutTerminals?: string) {
    this.#libc = libc;
    this.#aheads = new ReadAheads(libc);
    this.#lane = launchLane(libc);
    this.#poller = new Poller(libc);
    this.#exits = new ExitWatcher(libc, this.#poller);
    this.#leaveOrphans = reapOrphans(libc);
    const table = libcProcessTable(libc);
    this.#byTag = new TreeKiller(table, tagMark(libc));
    this.#bySession = new TreeKiller(table, sessionMark(table));
    const serverNumber = BigInt(randomInt(10 ** 8, 10 ** 9));
    this.#lastTag = serverNumber * tagsPerServer;
    this.#canTag = this.#lane.untagged.hard === unlimited;
    const { mark, variables } = this.#canTag
      ? { mark: tagPrefixMark(`${serverNumber}`), variables: {} }
      : variableMark();
    this.#ownVariables = variables;
    this.#keeper = new Keeper({ libc, lane: this.#lane, exits: this.#exits, lastWork, mark });
    this.capabilities = describe(this.#canTag, withoutTerminals);
  }

  start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess> {
    return this.#running.track(this.#start(request, sink));
  }

  ownVariables(): Readonly<Record<string, string>> {
    return this.#ownVariables;
  }

  ensureKeeper(): void {
    if (!this.#isClosed) this.#keeper.ensureRunning();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#poller.keepLoopAlive();
    await this.#running.killAll();
    await this.#keeper.close();
    this.#leaveOrphans();
    this.#poller.close();
  }

  async #start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess> {
    this.#checkOpen();
    checkStrings(request);
    const path = await findProgram(request);
    if (!request.isShort) this.#keeper.ensureRunning();
    const tag = this.#canTag ? ++this.#lastTag : undefined;
    const launched = await this.#launch(request, path, tag);
    const { stdio } = launched.launch;
    if (launched.errno !== 0) {
      closeOurEnds(this.#libc, stdio);
      throw await explainFailure(launched.errno, request, belowCwd(request.cwd, path));
    }
    return this.#adopt({ launched, stdio, sink });
  }

  async #launch(request: SpawnRequest, path: string, tag: bigint | undefined) {
    const launched = await this.#lane.launch(() => {
      this.#checkOpen();
      const stdio = openStdio(this.#libc, request);
      const [program, ...rest] = request.argv;
      const argv = [request.arg0 ?? program, ...rest];
      const { env, cwd } = request;
      return { path, argv, env, cwd, actions: stdio.actions, tag, stdio };
    });
    for (const fd of launched.launch.stdio.childFds) this.#libc.close(fd);
    return launched;
  }

  #adopt(started: { launched: Launched; stdio: StdioPlan; sink: ProcessSink }): SpawnedProcess {
    const { launched, stdio, sink } = started;
    const tag = launched.isTagged ? launched.launch.tag : undefined;
    const context = {
      libc: this.#libc,
      poller: this.#poller,
      memory: this.#memory,
      aheads: this.#aheads,
      killDescendants: () => this.#killDescendants(process, tag),
      released: () => this.#running.delete(process),
    };
    const process: PosixProcess = new PosixProcess({ pid: launched.pid, stdio, sink, context });
    this.#running.add(process);
    this.#exits.watch(launched.pid, (exit) => process.exit(exit));
    return process;
  }

  async #killDescendants(process: PosixProcess, tag: bigint | undefined): Promise<void> {
    if (tag !== undefined) return this.#byTag.kill(tag);
    // Another process has got the pid of ours, which has ended: its session is not ours.
    const isPidReused = !process.isRunning && this.#libc.kill(process.pid, 0) === 0;
    if (!isPidReused) await this.#bySession.kill(BigInt(process.pid));
  }

  #checkOpen(): void {
    if (!this.#isClosed) return;
    throw systemFailure(system.errno.ECANCELED, "the server is shutting down");
  }
}

function describe(canTag: boolean, withoutTerminals: string | undefined): SpawnerCapabilities {
  const withoutTags = canTag ? undefined : noTags;
  return {
    kind: "posix",
    tty: withoutTerminals === undefined,
    treeKill: canTag ? "tag" : "session",
    parentDeath: canTag,
    reasons: [withoutTags, withoutTerminals].filter((reason) => reason !== undefined),
  };
}

const noTags =
  "The hard limit of file locks (ulimit -H -x) is not unlimited, so processes cannot be " +
  "marked: descendants that start their own session survive a kill, and nothing ends " +
  "running commands when this server is killed.";
