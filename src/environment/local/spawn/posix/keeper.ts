import { constants as system } from "node:os";
import { settledWithin } from "../../../../async/settled-within.ts";
import { keeperCloseMs, keeperRestartsMax } from "../../../../limits.ts";
import type { Libc } from "../../libc/libc.ts";
import { keeperArguments, keeperEnvironment, type Mark } from "../descendants/keeper-script.ts";
import type { LastWork } from "../start/spawner.ts";
import type { ExitWatcher } from "./exit.ts";
import type { LaunchLane } from "./launch.ts";
import { openStdio, type StdioPlan } from "./stdio.ts";

interface KeeperContext {
  readonly libc: Libc;
  readonly lane: LaunchLane;
  readonly exits: ExitWatcher;
  readonly lastWork: LastWork | undefined;
  readonly mark: Mark;
}

/** The keeper: a process that cleans up after this server's death. */
export class Keeper {
  readonly #context: KeeperContext;
  #state: "none" | "running" | "closed" = "none";
  #deaths = 0;
  #pid: number | undefined;
  #stdinFd: number | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(context: KeeperContext) {
    this.#context = context;
  }

  /** Starts it, if it does not run, before the process that needs it enters the lane. */
  ensureRunning(): void {
    if (this.#state !== "none") return;
    this.#state = "running";
    this.#ended = this.#run();
  }

  /** Lets it clean up a last time, and waits `keeperCloseMs` at most. */
  async close(): Promise<void> {
    this.#state = "closed";
    this.#closeStdin();
    await settledWithin(this.#ended, keeperCloseMs);
    // It is a session leader, and its process group holds what it has started.
    if (this.#pid !== undefined) this.#context.libc.kill(-this.#pid, system.signals.SIGKILL);
  }

  async #run(): Promise<void> {
    const pid = await this.#launch();
    if (pid === undefined || this.#state === "closed") this.#closeStdin();
    this.#pid = pid;
    if (pid !== undefined) await this.#exitOf(pid);
    this.#pid = undefined;
    this.#closeStdin();
    if (this.#state === "closed") return;
    this.#state = "none";
    // If it could not be started, the next process tries again.
    if (pid !== undefined && ++this.#deaths <= keeperRestartsMax) this.ensureRunning();
  }

  /** Undefined when the system refuses, which the start of the process itself will report. */
  async #launch(): Promise<number | undefined> {
    const { libc, lane, lastWork } = this.#context;
    const argv = keeperArguments(this.#context);
    const env = { ...keeperEnvironment, ...lastWork?.variables };
    let stdio: StdioPlan | undefined;
    const launched = await lane
      .launch(() => {
        stdio = openStdio(libc, { argv, env, cwd: "/", stdio: "pipes+stdin" });
        const { actions } = stdio;
        // Untagged, or it would kill itself, and be killed with a tree that contains this server.
        const tag = lane.untagged.hard;
        return { path: argv[0], argv, env, cwd: "/", tag, actions };
      })
      .catch(() => undefined);
    for (const fd of stdio?.childFds ?? []) libc.close(fd);
    for (const { fd } of stdio?.outputs ?? []) libc.close(fd);
    this.#stdinFd = stdio?.inputFd;
    return launched?.errno === 0 ? launched.pid : undefined;
  }

  #exitOf(pid: number): Promise<void> {
    return new Promise((resolve) => {
      this.#context.exits.watch(pid, () => resolve(), "background");
    });
  }

  #closeStdin(): void {
    if (this.#stdinFd === undefined) return;
    this.#context.libc.close(this.#stdinFd);
    this.#stdinFd = undefined;
  }
}
