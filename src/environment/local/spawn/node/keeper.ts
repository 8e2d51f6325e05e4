import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { settledWithin } from "../../../../async/settled-within.ts";
import { keeperCloseMs, keeperRestartsMax } from "../../../../limits.ts";
import { keeperArguments, keeperEnvironment, variableMark } from "../descendants/keeper-script.ts";
import type { LastWork } from "../start/spawner.ts";

/**
 * The fallback's keeper: after this server's death it kills all processes with `variables`, and
 * runs the last work.
 */
export class NodeKeeper {
  readonly variables: Readonly<Record<string, string>>;
  readonly #arguments: [string, ...string[]];
  readonly #environment: Readonly<Record<string, string>>;
  #shell: ChildProcess | undefined;
  #deaths = 0;
  #isClosed = false;

  constructor(lastWork: LastWork) {
    const { mark, variables } = variableMark();
    this.variables = variables;
    this.#arguments = keeperArguments({ mark, lastWork });
    this.#environment = { ...keeperEnvironment, ...lastWork.variables };
  }

  ensureRunning(): void {
    if (this.#shell || this.#isClosed) return;
    const [program, ...rest] = this.#arguments;
    const shell = spawn(program, rest, {
      env: this.#environment,
      cwd: "/",
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#shell = shell;
    shell.unref();
    // Node makes this pipe a socket, which would keep the event loop alive.
    if (shell.stdin instanceof Socket) shell.stdin.unref();
    // If it cannot be started, nor can the process that needs it; the next one tries again.
    shell.on("error", () => {
      this.#shell = undefined;
    });
    shell.on("exit", () => {
      this.#shell = undefined;
      if (++this.#deaths <= keeperRestartsMax) this.ensureRunning();
    });
  }

  /** Lets it clean up a last time, and waits `keeperCloseMs` at most. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const shell = this.#shell;
    if (shell?.pid === undefined) return;
    shell.ref();
    shell.stdin?.end();
    await settledWithin(once(shell, "exit"), keeperCloseMs);
    const hasEnded = shell.exitCode !== null || shell.signalCode !== null;
    // It is a session leader, and its process group holds what it has started.
    if (!hasEnded) process.kill(-shell.pid, "SIGKILL");
  }
}
