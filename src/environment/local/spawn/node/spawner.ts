import { Buffer } from "node:buffer";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { constants as system } from "node:os";
import { setTimeout } from "node:timers/promises";
import { terminalCopyGraceMs } from "../../../../limits.ts";
import { readProcessStat } from "../../../../system/process-stat.ts";
import { type ProcessTable, sessionMark, TreeKiller } from "../descendants/tree-kill.ts";
import { checkFormat, findProgram } from "../start/program-lookup.ts";
import { RunningProcesses } from "../start/running-processes.ts";
import type {
  LastWork,
  ProcessExit,
  ProcessSink,
  SpawnedProcess,
  Spawner,
  SpawnerCapabilities,
  SpawnRequest,
} from "../start/spawner.ts";
import { checkCwd, checkStrings, startFailure, systemFailure } from "../start/start-failure.ts";
import { terminalHindrance } from "../start/terminal-hindrance.ts";
import { FifoSupply } from "./fifos.ts";
import { NodeKeeper } from "./keeper.ts";
import { kill, NodeProcess } from "./process.ts";
import { type NodeStart, scriptPath, startPiped, startTerminal } from "./start.ts";

/**
 * Makes the fallback, which needs only Node and the system's own programs. `reasons` say why it was
 * chosen.
 */
export function createNodeSpawner(reasons: readonly string[]): Spawner {
  return new NodeSpawner(reasons);
}

const isLinux = process.platform === "linux";

const processTable: ProcessTable = {
  kill: (pid, signal) => kill(pid, signal),
  sessionOf: (pid) => readProcessStat(pid)?.session,
};

class NodeSpawner implements Spawner {
  readonly capabilities: SpawnerCapabilities;
  readonly #fifos = new FifoSupply();
  readonly #keeper = new NodeKeeper(removing(this.#fifos.directory));
  readonly #running = new RunningProcesses();
  readonly #bySession = isLinux
    ? new TreeKiller(processTable, sessionMark(processTable))
    : undefined;
  #isClosed = false;

  constructor(reasons: readonly string[]) {
    this.capabilities = describe(reasons);
  }

  start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess> {
    return this.#running.track(this.#start(request, sink));
  }

  ownVariables(): Readonly<Record<string, string>> {
    this.#keeper.ensureRunning();
    return this.#keeper.variables;
  }

  /** Does nothing: `start` and `ownVariables` start this keeper when it is needed. */
  ensureKeeper(): void {}

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#running.killAll();
    await this.#keeper.close();
    await this.#fifos.close();
  }

  async #start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess> {
    if (this.#isClosed) throw systemFailure(system.errno.ECANCELED, "the server is shutting down");
    await this.#check(request);
    const program = await findProgram(request);
    await checkFormat(request, program);
    this.#keeper.ensureRunning();
    const found = { request, program, fifos: this.#fifos };
    const start = request.stdio === "pty" ? await startTerminal(found) : await startPiped(found);
    return this.#adopt(start, sink);
  }

  async #check(request: SpawnRequest): Promise<void> {
    checkStrings(request);
    if (request.stdio === "pty" && !this.capabilities.tty) {
      throw systemFailure(system.errno.EOPNOTSUPP, this.capabilities.reasons.at(-1) ?? "");
    }
    const { cwd } = request;
    if (typeof cwd !== "string" && !Buffer.from(cwd.toString()).equals(cwd)) {
      const about = `working directory \`${cwd}\` is not UTF-8, which needs the native module`;
      throw startFailure(system.errno.EINVAL, "cwd", about);
    }
    const cwdFailure = await checkCwd(cwd);
    if (cwdFailure) throw cwdFailure;
  }

  #adopt({ child, connections }: NodeStart, sink: ProcessSink): SpawnedProcess {
    const process: NodeProcess = new NodeProcess(
      {
        ...connections,
        killDescendants: () => this.#killDescendants(process, child),
        released: () => this.#running.delete(process),
      },
      sink,
    );
    this.#running.add(process);
    const { exitCode, signalCode } = child;
    // The program may have ended while `script` made the terminal.
    if (exitCode === null && signalCode === null) {
      child.on("exit", (code, signal) => process.exit(exitOf(code, signal)));
    } else setImmediate(() => process.exit(exitOf(exitCode, signalCode)));
    return process;
  }

  async #killDescendants(process: NodeProcess, child: ChildProcess): Promise<void> {
    if (process.pid !== child.pid) void endScript(child);
    const isPidReused = !process.isRunning && kill(process.pid, 0);
    if (!isPidReused) await this.#bySession?.kill(BigInt(process.pid));
  }
}

function removing(folder: string): LastWork {
  return { folder, argv: ["rm", "-rf", "--", folder] };
}

/** `script` ends by itself, unless it blocks on output that nobody reads. */
async function endScript(child: ChildProcess): Promise<void> {
  await setTimeout(terminalCopyGraceMs, undefined, { ref: false });
  child.kill("SIGKILL");
}

function exitOf(code: number | null, signal: NodeJS.Signals | null): ProcessExit {
  const number = signal === null ? null : system.signals[signal];
  return { exitCode: number === null ? (code ?? 0) : 128 + number, signal: number };
}

function describe(reasons: readonly string[]): SpawnerCapabilities {
  const withoutTerminals = terminalHindrance() ?? scriptHindrance();
  return {
    kind: "node",
    tty: withoutTerminals === undefined,
    treeKill: isLinux ? "session" : "group",
    parentDeath: false,
    reasons: [
      ...reasons,
      "Without the native module processes are not marked: what starts its own session survives " +
        "a kill, and running commands survive this server when it is killed, unless they are " +
        "confined.",
      withoutTerminals ??
        "Terminals are made by `script`: slower, without another argv[0], and the signal that " +
          "ended a program shows only in its exit code.",
    ],
  };
}

const scriptHindrance = () =>
  isLinux && canExecute(scriptPath)
    ? undefined
    : `There are no terminals: ${scriptPath} of util-linux is missing.`;

function canExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing, or not executable.
    return false;
  }
}
