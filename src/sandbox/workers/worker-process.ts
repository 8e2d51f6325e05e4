/** The process of a worker, and how to start it with Node's own means. */
import type { Buffer } from "node:buffer";
import type { Readable, Writable } from "node:stream";
import type { HelperLaunch } from "./launch.ts";

export interface WorkerProcess {
  /** The pid of the bwrap in which it runs. */
  readonly pid: number;
  /** Settles when the mounts may be complete. Absent where that cannot be observed. */
  readonly mounted?: Promise<void> | undefined;
  write(bytes: Buffer): void;
  /** Closes its stdin after everything written. */
  end(): void;
  kill(): void;
}

/** The listener of a worker's process. */
export interface WorkerListener {
  /** It wrote to stdout. */
  answered(bytes: Buffer): void;
  /** It wrote to stderr. */
  complained(bytes: Buffer): void;
  /** It has exited and its streams are closed. Called once. */
  ended(ending: WorkerEnding): void;
}

export interface WorkerEnding {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** The error when it could not be started. */
  readonly shortMessage?: string | undefined;
}

/**
 * Starts a worker with `fds` as its descriptors from 3 on, followed by one with the seccomp
 * program. It dies with this server.
 */
export type StartWorker = (
  launch: HelperLaunch,
  fds: readonly number[],
  listener: WorkerListener,
) => Promise<WorkerProcess>;

/** Without the native spawner: then the worker outlives a server that is killed. */
export const startWorkerAlone: StartWorker = async (launch, fds, listener) => {
  const { execa } = await import("execa");
  const { file, argv, env, cwd, seccomp } = launch;
  const child = execa(file, argv, {
    ...{ env, extendEnv: false, cwd, buffer: false, encoding: "buffer", reject: false },
    // The types allow only descriptors below ten; any number works.
    stdio: ["pipe", "pipe", "pipe", ...fds.map((fd) => fd as 9), seccomp],
  }) as unknown as Child;
  child.stdout.on("data", (bytes: Buffer) => listener.answered(bytes));
  child.stderr.on("data", (bytes: Buffer) => listener.complained(bytes));
  // The end of a worker is noticed elsewhere; a late write has no other effect.
  child.stdin.on("error", () => undefined);
  void Promise.resolve(child).then((ending) => listener.ended(ending));
  return {
    pid: child.pid ?? 0,
    write: (bytes) => void child.stdin.write(bytes),
    end: () => void child.stdin.end(),
    kill: () => void child.kill("SIGKILL"),
  };
};

interface Child extends PromiseLike<WorkerEnding> {
  readonly pid?: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  kill(signal: "SIGKILL"): boolean;
}
