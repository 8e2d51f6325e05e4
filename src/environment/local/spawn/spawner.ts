import type { Buffer } from "node:buffer";

/** How a process is connected: `pipes` has /dev/null for stdin. */
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
  /** It ends by itself in no time: nothing need be there to end it after this server's death. */
  readonly isShort?: boolean | undefined;
  /**
   * Further descriptors of ours, given to the process as 3, 4, … (a seccomp program for bwrap).
   * They stay open, and the caller's to close, until the start has settled.
   */
  readonly fds?: readonly number[] | undefined;
  /** What the process reads from pipes behind those, when `finish` lets it. */
  readonly feeds?: readonly FeedContent[] | undefined;
}

export interface FeedContent {
  /** There from the beginning, or together with the rest: less than 4 KiB, and maybe nothing. */
  readonly head: Uint8Array;
  /**
   * Comes when it is asked for, in one piece if it is less than 4 KiB. Without it `finish` is given
   * it.
   */
  readonly rest?: Uint8Array | undefined;
}

/**
 * A pipe on which a process waits for the rest of its bytes. When this server dies before that it
 * finds the end of them.
 */
export interface Feed {
  /** Settles when the process has read the head, or never will. Absent where nobody can see it. */
  readonly begun: Promise<void> | undefined;
  /** Once. */
  finish(rest?: Uint8Array): void;
  /** Gives no more. Harmless after `finish`. */
  close(): void;
}

/** How a process ended. `exitCode` is 128 + n for death by signal n. */
export interface ProcessExit {
  readonly exitCode: number;
  readonly signal: number | null;
  /** Microseconds of processor time and peak resident KiB (at least this server's), where known. */
  readonly usage?: {
    readonly userUs: number;
    readonly systemUs: number;
    readonly maxRssKiB: number;
  };
}

/** Who is told what a process does. Calls come in order, never from inside one to the process. */
export interface ProcessSink {
  /**
   * Bytes of a stream. Where they are half of their memory or more it is the receiver's to keep;
   * elsewhere it is used again after this call.
   */
  output(stream: OutputStream, bytes: Buffer): void;
  /** The process itself has ended; output may still follow. Once. */
  exited(exit: ProcessExit): void;
  /** The end of every stream has been read. Once; may come before `exited`. */
  ended(): void;
  /** The stdin queue has room again after `write` answered false. */
  drained(): void;
  /** Nobody reads stdin any more. */
  stdinGone(): void;
}

export interface KillReport {
  /** The strongest means that was used: `tag` finds everything that descends from the process. */
  readonly method: "tag" | "session" | "group";
  /** The leader if it lived, and those the search found that the signal to the group had missed. */
  readonly killed: number;
  readonly survivors: readonly number[];
}

/** A started process. Every call is harmless after its end. */
export interface SpawnedProcess {
  readonly pid: number;
  /** Those that were asked for, in that order. */
  readonly feeds: readonly Feed[];
  /** Queues bytes for stdin or the terminal. False: it is above its mark, wait for `drained`. */
  write(bytes: Buffer): boolean;
  /** Closes stdin after what is queued; in a terminal sends ^D. */
  endStdin(): void;
  /** Stops or goes on reading output; a stopped process blocks when its pipe is full. */
  flow(on: boolean): void;
  resize(size: TerminalSize): void;
  /**
   * From now on what is for the group goes to this one instead, which ends with the process; what
   * kills goes to both.
   */
  leaveSignalsTo(group: number): void;
  /** False when there is nobody to signal any more. */
  signal(signal: number, target: "leader" | "group" | "foreground"): boolean;
  /**
   * SIGKILL for the group at once, before this call returns, then for everything else that descends
   * from the process, also when the process itself has ended long ago.
   */
  killTree(): Promise<KillReport>;
  /** Where output is still open, as /proc names what those who write it have open. */
  outputPlaces(): string[];
  /** Frees descriptors without waiting for the end of streams: `ended` follows if need be. */
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

/** Why a process could not be started: the system's code and what it was about. */
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

/** What is to be run after this server's death, if the folder is there then. */
export interface LastWork {
  readonly folder: string;
  readonly argv: readonly string[];
  /** For that program, besides what any program needs. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** The only way to start a process here. */
export interface Spawner {
  readonly capabilities: SpawnerCapabilities;
  /** Rejects with a SpawnError. */
  start(request: SpawnRequest, sink: ProcessSink): Promise<SpawnedProcess>;
  /**
   * Variables for a program that hides its own from what it runs: all of it dies with the server
   * then. None where processes inherit a mark in any case.
   */
  ownVariables(): Readonly<Record<string, string>>;
  /** Starts what acts after this server's death now, where there is such a thing. */
  ensureKeeper(): void;
  /** Kills everything that was started here and frees what the spawner holds. */
  close(): Promise<void>;
}
