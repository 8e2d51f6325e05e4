import type { Buffer } from "node:buffer";

/** How a process's streams are connected: with `pipes`, stdin is /dev/null. */
export type Stdio = "pipes" | "pipes+stdin" | "pty";
export type OutputStream = "stdout" | "stderr" | "pty";

export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

export interface SpawnRequest {
  /** Program (looked up in the PATH of `env` when it has no slash) and arguments. */
  readonly argv: readonly [string, ...string[]];
  /** argv[0] as the process sees it. */
  readonly arg0?: string | undefined;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** As node:fs takes it: bytes where the path is not UTF-8. */
  readonly cwd: string | Buffer;
  readonly stdio: Stdio;
  /** For a pty; 24 x 80 when absent. */
  readonly size?: TerminalSize | undefined;
  /**
   * The process soon ends by itself, so no keeper is needed to end it after this server's death.
   */
  readonly isShort?: boolean | undefined;
  /**
   * Descriptors of this server that the process gets as 3, 4, … They must stay open until the start
   * has settled; the caller closes them.
   */
  readonly fds?: readonly number[] | undefined;
  /** Contents that the process reads from pipes, numbered behind `fds`; see `Feed`. */
  readonly feeds?: readonly FeedContent[] | undefined;
}

export interface FeedContent {
  /** In the pipe from the beginning, or, by the fallback, with the rest; below 4 KiB, or empty. */
  readonly head: Uint8Array;
  /**
   * Written by `finish`; below 4 KiB the process reads it in one piece. When it is absent, `finish`
   * is given it.
   */
  readonly rest?: Uint8Array | undefined;
}

/**
 * A pipe on which a process waits for the rest of its content. If this server dies first, the
 * process finds the end of the pipe instead.
 */
export interface Feed {
  /** Settles when the process has read the head, or never will. Absent where that is not known. */
  readonly begun: Promise<void> | undefined;
  /** Writes the rest and closes the pipe. To be called once. */
  finish(rest?: Uint8Array): void;
  /** Closes the pipe without the rest. Harmless after `finish`. */
  close(): void;
}

/** How a process ended. `exitCode` is 128 + n for death by signal n. */
export interface ProcessExit {
  readonly exitCode: number;
  readonly signal: number | null;
  /**
   * Processor time in microseconds and peak resident memory in KiB, where known. The peak is never
   * below this server's own size, which the kernel counts until exec.
   */
  readonly usage?: {
    readonly userUs: number;
    readonly systemUs: number;
    readonly maxRssKiB: number;
  };
}

/** Told what a process does. Calls come in order, and never from inside a call to the process. */
export interface ProcessSink {
  /**
   * Bytes of a stream. The receiver may keep the buffer when it fills at least half of its memory;
   * otherwise that memory is used again after this call.
   */
  output(stream: OutputStream, bytes: Buffer): void;
  /** The process itself has ended; output may still follow. Once. */
  exited(exit: ProcessExit): void;
  /** The end of every stream has been read. Once; may come before `exited`. */
  ended(): void;
  /** The stdin queue has room again after `write` answered false. */
  drained(): void;
  /** No process reads stdin any more. */
  stdinGone(): void;
}

/** A started process. Every call is harmless after its end. */
export interface SpawnedProcess {
  readonly pid: number;
  /** The feeds of the request, in its order. */
  readonly feeds: readonly Feed[];
  /** Queues bytes for stdin or the terminal. False when the queue is full: wait for `drained`. */
  write(bytes: Buffer): boolean;
  /** Closes stdin after the queued bytes, once; in a terminal sends ^D, each time. */
  endStdin(): void;
  /** Pauses or resumes reading output; the process blocks when its pipe is full. */
  flow(on: boolean): void;
  resize(size: TerminalSize): void;
  /**
   * From now on signals for the process group go to `group` instead, which ends with the process.
   * SIGKILL goes to both.
   */
  leaveSignalsTo(group: number): void;
  /** Signals the process, or its group. False when it is gone. */
  signal(signal: number, target: "leader" | "group"): boolean;
  /**
   * SIGKILL for the group at once, before this call returns, then for everything else that descends
   * from the process, also when the process itself has ended long ago.
   */
  killTree(): Promise<void>;
  /** The /proc names of output pipes and terminals that are still open, as writers have them. */
  outputPlaces(): string[];
  /**
   * Closes the streams after reading the output in them; `ended` follows if it has not come yet.
   */
  abandonOutput(): void;
}

export interface SpawnerCapabilities {
  readonly kind: "posix" | "node";
  readonly tty: boolean;
  /** What a kill can reach: every descendant, the session, or only the process group. */
  readonly treeKill: "tag" | "session" | "group";
  /** Whether processes die when this server is killed. */
  readonly parentDeath: boolean;
  /** Why it is less than it could be, in sentences for the operator. */
  readonly reasons: readonly string[];
}

/** Why a process could not be started: the system's error, and what it was about. */
export class SpawnError extends Error {
  /** As in `ENOENT`. */
  readonly code: string;
  readonly errno: number;
  readonly stage: "program" | "cwd" | "arguments" | "system";

  constructor(message: string, cause: Pick<SpawnError, "code" | "errno" | "stage">) {
    super(message);
    this.name = "SpawnError";
    this.code = cause.code;
    this.errno = cause.errno;
    this.stage = cause.stage;
  }
}

/** A program that the keeper runs after this server's death, if `folder` exists then. */
export interface LastWork {
  readonly folder: string;
  readonly argv: readonly string[];
  /** Variables for that program, besides those that every program gets. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Starts processes on this machine. Two implementations: libc on Linux, child_process elsewhere.
 */
export interface Spawner {
  readonly capabilities: SpawnerCapabilities;
  /** Rejects with a SpawnError. */
  start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess>;
  /**
   * Variables for a program, such as bwrap, that does not pass its environment on: the keeper knows
   * by them what to kill after this server's death. Empty where processes inherit a tag.
   */
  ownVariables(): Readonly<Record<string, string>>;
  /** Starts the keeper, which cleans up after this server's death, unless it runs already. */
  ensureKeeper(): void;
  /** Kills all processes of this spawner, and frees what it holds. */
  close(): Promise<void>;
}
