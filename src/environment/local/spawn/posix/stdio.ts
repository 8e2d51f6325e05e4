import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { terminalSizeDefault } from "../../../../limits.ts";
import { closeOnExec, type Libc, native, ptmxFlags } from "../../libc/libc.ts";
import type { OutputStream, SpawnRequest, TerminalSize } from "../start/spawner.ts";
import { systemFailure } from "../start/start-failure.ts";
import { type FeedPlan, fillHead } from "./feed.ts";

/** An action on the child's descriptors before exec. */
export type FileAction =
  | {
      readonly kind: "open";
      readonly target: number;
      readonly path: string;
      readonly flags: number;
    }
  | { readonly kind: "copy"; readonly source: number; readonly target: number };

/** The descriptors of one process that is about to start. */
export interface StdioPlan {
  readonly actions: readonly FileAction[];
  /** Our ends, non-blocking. A pty master is both output and input. */
  readonly outputs: readonly { readonly stream: OutputStream; readonly fd: number }[];
  readonly inputFd: number | undefined;
  readonly feeds?: readonly FeedPlan[] | undefined;
  /** The process's ends: this server closes its copies after the start. */
  readonly childFds: readonly number[];
}

const ptsNameBytes = 128;
/** The first descriptor of a process after its streams. */
const furtherFdMin = 3;

/** Throws a SpawnError, and leaves nothing open, when the system has no descriptors left. */
export function openStdio(libc: Libc, request: SpawnRequest): StdioPlan {
  const opened = new Descriptors(libc);
  try {
    const plan =
      request.stdio === "pty" ? openTerminal(opened, request) : openPipes(opened, request);
    return withFurther(opened, plan, request);
  } catch (thrown) {
    opened.closeAll();
    throw thrown;
  }
}

function openPipes(opened: Descriptors, { stdio }: SpawnRequest): StdioPlan {
  const input = stdio === "pipes+stdin" ? opened.pipe("write") : undefined;
  const stdout = opened.pipe("read");
  const stderr = opened.pipe("read");
  return {
    actions: [
      input
        ? { kind: "copy", source: input.theirs, target: 0 }
        : { kind: "open", target: 0, path: "/dev/null", flags: constants.O_RDONLY },
      { kind: "copy", source: stdout.theirs, target: 1 },
      { kind: "copy", source: stderr.theirs, target: 2 },
    ],
    outputs: [
      { stream: "stdout", fd: stdout.ours },
      { stream: "stderr", fd: stderr.ours },
    ],
    inputFd: input?.ours,
    childFds: [stdout.theirs, stderr.theirs, ...(input ? [input.theirs] : [])],
  };
}

/**
 * The child is a session leader without a terminal when it opens the pty, which becomes its
 * controlling terminal. The terminal's modes are the kernel's defaults, as in the reference.
 */
function openTerminal(opened: Descriptors, request: SpawnRequest): StdioPlan {
  const terminal = opened.terminal(request.size ?? terminalSizeDefault);
  return {
    actions: [
      { kind: "open", target: 0, path: terminal.name, flags: constants.O_RDWR },
      { kind: "copy", source: 0, target: 1 },
      { kind: "copy", source: 0, target: 2 },
    ],
    outputs: [{ stream: "pty", fd: terminal.fd }],
    inputFd: terminal.fd,
    childFds: [],
  };
}

function withFurther(opened: Descriptors, plan: StdioPlan, request: SpawnRequest): StdioPlan {
  const { fds = [], feeds = [] } = request;
  const pipes = feeds.map(({ head, rest }) => ({ ...opened.feed(head), rest }));
  const theirs = pipes.map((pipe) => pipe.theirs);
  const given = [...fds, ...theirs];
  // Above all targets, so that no copy overwrites the source of another.
  const lifted = given.map((fd) => opened.lifted(fd, furtherFdMin + given.length));
  const copies = lifted.map(
    (source, index) => ({ kind: "copy", source, target: furtherFdMin + index }) as const,
  );
  return {
    ...plan,
    feeds: pipes.map(({ ours, rest }) => ({ fd: ours, rest })),
    actions: [...plan.actions, ...copies],
    childFds: [...plan.childFds, ...lifted, ...theirs],
  };
}

/** Closes our ends after a start that failed. */
export function closeOurEnds(libc: Libc, { outputs, inputFd, feeds = [] }: StdioPlan): void {
  const fds = new Set([...outputs, ...feeds].map(({ fd }) => fd));
  if (inputFd !== undefined) fds.add(inputFd);
  for (const fd of fds) libc.close(fd);
}

export function setTerminalSize(libc: Libc, fd: number, size: TerminalSize): boolean {
  const words = new Uint16Array([size.rows, size.cols, 0, 0]);
  return libc.ioctl(fd, native.TIOCSWINSZ, "void *", words) === 0;
}

/** Opens descriptors, and can close all of them when a later step fails. */
class Descriptors {
  readonly #libc: Libc;
  readonly #fds: number[] = [];

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  pipe(ourUse: "read" | "write"): { ours: number; theirs: number } {
    const ends = new Int32Array(2);
    this.#check(this.#libc.pipe2(ends, closeOnExec), "no pipe for the process");
    const [reading = -1, writing = -1] = ends;
    this.#fds.push(reading, writing);
    const ours = ourUse === "read" ? reading : writing;
    // Only our end: a program that finds its own stdout non-blocking loses output.
    const refused = this.#libc.fcntl(ours, native.F_SETFL, "int", constants.O_NONBLOCK);
    this.#check(refused, "no pipe for the process");
    return { ours, theirs: ourUse === "read" ? writing : reading };
  }

  feed(head: Uint8Array): { ours: number; theirs: number } {
    const pipe = this.pipe("write");
    fillHead(this.#libc, pipe.ours, head);
    return pipe;
  }

  terminal(size: TerminalSize): { fd: number; name: string } {
    const about = "no terminal for the process";
    const fd = this.#keep(this.#libc.posix_openpt(ptmxFlags), about);
    this.#check(this.#libc.grantpt(fd), about);
    this.#check(this.#libc.unlockpt(fd), about);
    const name = Buffer.alloc(ptsNameBytes);
    const errno = this.#libc.ptsname_r(fd, name, name.length);
    if (errno !== 0) throw systemFailure(errno, about);
    setTerminalSize(this.#libc, fd, size);
    return { fd, name: name.toString("utf8", 0, name.indexOf(0)) };
  }

  lifted(fd: number, min: number): number {
    const copy = this.#libc.fcntl(fd, native.F_DUPFD_CLOEXEC, "int", min);
    return this.#keep(copy, `descriptor ${fd} cannot be given to the process`);
  }

  closeAll(): void {
    for (const fd of this.#fds) this.#libc.close(fd);
  }

  #keep(fd: number, about: string): number {
    this.#check(fd, about);
    this.#fds.push(fd);
    return fd;
  }

  #check(result: number, about: string): void {
    if (result < 0) throw systemFailure(this.#libc.errno(), about);
  }
}
