/** The process of a worker, and how it is started by Node alone. */
import type { Buffer } from "node:buffer";
import type { Readable, Writable } from "node:stream";
import type { HelperLaunch } from "./launch.ts";

export interface WorkerProcess {
  /** Of bwrap, in which it runs. */
  readonly pid: number;
  /** Settles when bwrap may have mounted everything. Absent where nobody can see it. */
  readonly mounted?: Promise<void> | undefined;
  write(bytes: Buffer): void;
  /** Ends its input behind what has been written. */
  end(): void;
  kill(): void;
}

/** Told what a worker does. */
export interface WorkerListener {
  /** It wrote to stdout. */
  answered(bytes: Buffer): void;
  /** It wrote to stderr. */
  complained(bytes: Buffer): void;
  /** It has exited and its streams are closed. Once. */
  ended(ending: WorkerEnding): void;
}

export interface WorkerEnding {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** Why there was none to end. */
  readonly shortMessage?: string | undefined;
}

/**
 * Starts a worker, which gets `fds` from 3 on, the program for seccomp behind them, and dies with
 * this server.
 */
export type StartWorker = (
  launch: HelperLaunch,
  fds: readonly number[],
  listener: WorkerListener,
) => Promise<WorkerProcess>;

/** Where there is nobody to start processes who knows how: it outlives a server that is killed. */
export const startWorkerAlone: StartWorker = async (launch, fds, listener) => {
  const { execa } = await import("execa");
  const { file, argv, env, cwd, seccomp } = launch;
  const child = execa(file, argv, {
    ...{ env, extendEnv: false, cwd, buffer: false, encoding: "buffer", reject: false },
    // Its types know the descriptors below ten only; any number works.
    stdio: ["pipe", "pipe", "pipe", ...fds.map((fd) => fd as 9), seccomp],
  }) as unknown as Child;
  child.stdout.on("data", (bytes: Buffer) => listener.answered(bytes));
  child.stderr.on("data", (bytes: Buffer) => listener.complained(bytes));
  // A worker that is gone is noticed by its end; a write that comes too late has no other effect.
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
