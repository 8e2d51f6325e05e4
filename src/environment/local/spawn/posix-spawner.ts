import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { constants as system } from "node:os";
import { setTimeout } from "node:timers/promises";
import { treeKillGraceMs } from "../../../limits.ts";
import { ExitWatcher } from "./posix-exit.ts";
import { Keeper } from "./posix-keeper.ts";
import { type Launched, type LaunchLane, launchLane } from "./posix-launch.ts";
import { type Libc, loadLibc, native } from "./posix-libc.ts";
import { ReadMemory } from "./posix-output.ts";
import { Poller } from "./posix-poller.ts";
import { PosixProcess } from "./posix-process.ts";
import { openStdio, type StdioPlan } from "./posix-stdio.ts";
import { sessionMark, TreeKiller, tagMark } from "./posix-tree-kill.ts";
import { belowCwd, findProgram } from "./program-lookup.ts";
import type {
  ProcessSink,
  SpawnedProcess,
  Spawner,
  SpawnerCapabilities,
  SpawnRequest,
} from "./spawner.ts";
import { checkStrings, explainFailure, systemFailure } from "./start-failure.ts";

/** A tag is the number of the server and, in its last ten digits, that of the process. */
const tagsPerServer = 10n ** 10n;
const unlimited = 2n ** 64n - 1n;

/** Rejects where the native functions are missing. */
export async function createPosixSpawner(): Promise<Spawner> {
  const libc = await loadLibc();
  closeOwnDescriptorsOnExec(libc);
  // As in the reference: what we start leaves no core files.
  libc.prlimit(0, native.RLIMIT_CORE, BigUint64Array.of(0n, 0n), null);
  return new PosixSpawner(libc);
}

/** Those that this server was started with; its own are so anyway. */
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
  readonly #keeper: Keeper | undefined;
  readonly #byTag: TreeKiller;
  readonly #bySession: TreeKiller;
  readonly #memory = new ReadMemory();
  readonly #processes = new Set<PosixProcess>();
  readonly #starts = new Set<Promise<unknown>>();
  readonly #canTag: boolean;
  #lastTag: bigint;
  #isClosed = false;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#lane = launchLane(libc);
    this.#poller = new Poller(libc);
    this.#exits = new ExitWatcher(libc, this.#poller);
    this.#byTag = new TreeKiller(libc, tagMark(libc));
    this.#bySession = new TreeKiller(libc, sessionMark(libc));
    const serverNumber = BigInt(randomInt(10 ** 8, 10 ** 9));
    this.#lastTag = serverNumber * tagsPerServer;
    this.#canTag = this.#lane.untagged.hard === unlimited;
    if (this.#canTag) {
      this.#keeper = new Keeper({
        libc,
        lane: this.#lane,
        exits: this.#exits,
        tagPrefix: `${serverNumber}`,
      });
    }
    this.capabilities = describe(this.#canTag);
  }

  start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess> {
    const start = this.#start(request, sink);
    this.#starts.add(start);
    const forget = () => this.#starts.delete(start);
    start.then(forget, forget);
    return start;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#poller.keepLoopAlive();
    await Promise.allSettled(this.#starts);
    const processes = [...this.#processes];
    await Promise.all(processes.map((process) => process.killTree()));
    for (const process of processes) process.abandonOutput();
    const deadline = performance.now() + treeKillGraceMs;
    while (this.#processes.size > 0 && performance.now() < deadline) await setTimeout(1);
    await this.#keeper?.close();
    this.#poller.close();
  }

  async #start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess> {
    this.#checkOpen();
    checkStrings(request);
    const path = await findProgram(request);
    this.#keeper?.ensureRunning();
    let stdio: StdioPlan | undefined;
    const tag = this.#canTag ? ++this.#lastTag : undefined;
    const launched = await this.#lane.launch(() => {
      this.#checkOpen();
      stdio = openStdio(this.#libc, request);
      const [program, ...rest] = request.argv;
      const argv = [request.arg0 ?? program, ...rest];
      return { path, argv, env: request.env, cwd: request.cwd, actions: stdio.actions, tag };
    });
    for (const fd of stdio?.childFds ?? []) this.#libc.close(fd);
    if (launched.errno !== 0 || !stdio) {
      for (const { fd } of stdio?.outputs ?? []) this.#libc.close(fd);
      if (request.stdio === "pipes+stdin") this.#libc.close(stdio?.inputFd ?? -1);
      throw await explainFailure(launched.errno, request, belowCwd(request.cwd, path));
    }
    return this.#adopt({ launched, tag, stdio, sink });
  }

  #adopt(started: {
    launched: Launched;
    tag: bigint | undefined;
    stdio: StdioPlan;
    sink: ProcessSink;
  }): SpawnedProcess {
    const { pid, isTagged } = started.launched;
    const tag = isTagged ? started.tag : undefined;
    const process: PosixProcess = new PosixProcess(pid, started.stdio, started.sink, {
      libc: this.#libc,
      poller: this.#poller,
      memory: this.#memory,
      killDescendants: () => this.#killDescendants(pid, tag),
      released: () => this.#processes.delete(process),
    });
    this.#processes.add(process);
    this.#exits.watch(pid, (exit) => process.exit(exit));
    return process;
  }

  async #killDescendants(pid: number, tag: bigint | undefined) {
    if (tag !== undefined) return { method: "tag" as const, ...(await this.#byTag.kill(tag)) };
    const isStranger = this.#libc.kill(pid, 0) === 0 && !this.#isOurs(pid);
    if (isStranger) return { method: "session" as const, killed: [], survivors: [] };
    return { method: "session" as const, ...(await this.#bySession.kill(BigInt(pid))) };
  }

  /** Whether a running process of ours has this number. */
  #isOurs(pid: number): boolean {
    return [...this.#processes].some((process) => process.pid === pid && process.isRunning);
  }

  #checkOpen(): void {
    if (!this.#isClosed) return;
    throw systemFailure(system.errno.ECANCELED, "the server is shutting down");
  }
}

function describe(canTag: boolean): SpawnerCapabilities {
  return {
    kind: "posix",
    tty: true,
    treeKill: canTag ? "tag" : "session",
    parentDeath: canTag,
    reasons: canTag
      ? []
      : [
          "The hard limit of file locks (ulimit -H -x) is not unlimited, so processes cannot be " +
            "marked: descendants that start their own session survive a kill, and nothing ends " +
            "running commands when this server is killed.",
        ],
  };
}
