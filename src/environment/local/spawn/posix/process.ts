import type { Buffer } from "node:buffer";
import { constants as system } from "node:os";
import { terminalLookIntervalMs } from "../../../../limits.ts";
import { outputPlace } from "../start/output-place.ts";
import type { ProcessExit, ProcessSink, SpawnedProcess, TerminalSize } from "../start/spawner.ts";
import { PosixFeed } from "./feed.ts";
import { InputWriter } from "./input.ts";
import { type OutputTools, PosixOutput } from "./output.ts";
import type { Watch } from "./poller.ts";
import { type StdioPlan, setTerminalSize } from "./stdio.ts";

/** What a process uses of its spawner. */
export interface ProcessContext extends OutputTools {
  /** Kills the descendants of the process, also outside its group. */
  killDescendants(): Promise<void>;
  /** Called when the process has ended and its descriptors are closed. */
  released(): void;
}

interface Input {
  readonly fd: number;
  readonly writer: InputWriter;
  readonly watch: Watch;
}

/** One started process, from exec until it has ended and its output is read. */
export class PosixProcess implements SpawnedProcess {
  readonly pid: number;
  readonly feeds: readonly PosixFeed[];
  readonly #context: ProcessContext;
  readonly #sink: ProcessSink;
  readonly #outputs = new Set<PosixOutput>();
  readonly #terminalFd: number | undefined;
  #input: Input | undefined;
  #hasExited = false;
  #innerGroup: number | undefined;
  #isFlowing = true;
  /** The next check whether a process has opened the terminal again. */
  #nextLook: NodeJS.Timeout | undefined;

  constructor(started: {
    pid: number;
    stdio: StdioPlan;
    sink: ProcessSink;
    context: ProcessContext;
  }) {
    const { pid, stdio, sink, context } = started;
    this.pid = pid;
    this.#context = context;
    this.#sink = sink;
    const [first] = stdio.outputs;
    const isTerminal = first?.stream === "pty";
    this.#terminalFd = isTerminal ? first.fd : undefined;
    for (const output of stdio.outputs) this.#outputs.add(this.#openOutput(output));
    const { libc, poller } = context;
    this.feeds = (stdio.feeds ?? []).map((plan) => new PosixFeed({ libc, poller, plan }));
    if (stdio.inputFd !== undefined) this.#input = this.#watchInput(stdio.inputFd, isTerminal);
  }

  write(bytes: Buffer): boolean {
    return this.#input?.writer.write(bytes) ?? true;
  }

  endStdin(): void {
    this.#input?.writer.end();
  }

  flow(on: boolean): void {
    this.#isFlowing = on;
    for (const output of this.#outputs) output.flow(on);
  }

  resize(size: TerminalSize): void {
    if (this.#terminalFd === undefined || this.#outputs.size === 0) return;
    setTerminalSize(this.#context.libc, this.#terminalFd, size);
  }

  leaveSignalsTo(group: number): void {
    this.#innerGroup = group;
  }

  signal(signal: number, target: "leader" | "group"): boolean {
    if (target === "leader") return !this.#hasExited && this.#kill(this.pid, signal);
    if (this.#innerGroup !== undefined) return this.#signalInner(this.#innerGroup, signal);
    return this.#isNumberOurs() && this.#kill(-this.pid, signal);
  }

  async killTree(): Promise<void> {
    this.signal(system.signals.SIGKILL, "group");
    await this.#context.killDescendants();
  }

  outputPlaces(): string[] {
    return [...this.#outputs].flatMap(({ fd }) => outputPlace(fd) ?? []);
  }

  abandonOutput(): void {
    // Not in this call, from which the sink must not be called.
    queueMicrotask(() => {
      for (const output of this.#outputs) {
        output.drain(() => this.#endOutput(output));
      }
    });
  }

  /** While the process runs, no other process can have its pid. */
  get isRunning(): boolean {
    return !this.#hasExited;
  }

  /** To be called when the process has been reaped. */
  exit(exit: ProcessExit): void {
    this.#hasExited = true;
    this.#sink.exited(exit);
    if (this.#nextLook) this.#lookNow();
    this.#releaseWhenOver();
  }

  /**
   * A process that is still moving from the outer group to the inner one is killed in the outer.
   */
  #signalInner(group: number, signal: number): boolean {
    if (this.#hasExited) return false;
    const isOuterKilled = signal === system.signals.SIGKILL && this.#kill(-this.pid, signal);
    return this.#kill(-group, signal) || isOuterKilled;
  }

  /** Whether the pid, and the group and session of that number, are still those of this process. */
  #isNumberOurs(): boolean {
    // While any process is in the group or session, no new process gets that number.
    return !this.#hasExited || !this.#kill(this.pid, 0);
  }

  #openOutput({ stream, fd }: StdioPlan["outputs"][number]): PosixOutput {
    const isTerminal = fd === this.#terminalFd;
    const output: PosixOutput = new PosixOutput(this.#context, {
      fd,
      isTerminal,
      handlers: {
        deliver: (bytes) => this.#sink.output(stream, bytes),
        ended: () => {
          if (isTerminal && !this.#hasExited) this.#lookLater(output);
          else this.#endOutput(output);
        },
        writable: () => this.#input?.writer.flush(),
        hungUp: () => this.#input?.writer.abandon(),
      },
    });
    return output;
  }

  /**
   * No process has the terminal open, but its session still lives: `cat` closes its streams before
   * it ends. Closing our side now would kill it by SIGHUP, and a process may open `/dev/tty` again.
   */
  #lookLater(output: PosixOutput): void {
    output.flow(false);
    this.#nextLook = setTimeout(() => this.#lookNow(), terminalLookIntervalMs);
  }

  #lookNow(): void {
    clearTimeout(this.#nextLook);
    this.#nextLook = undefined;
    this.flow(this.#isFlowing);
  }

  #watchInput(fd: number, isTerminal: boolean): Input {
    const [output] = this.#outputs;
    const watch =
      isTerminal && output
        ? output.watch
        : this.#context.poller.watch(fd, {
            writable: () => writer.flush(),
            hungUp: () => writer.abandon(),
          });
    const handlers = {
      waitForRoom: (on: boolean) => watch.want("write", on),
      drained: () => this.#sink.drained(),
      gone: () => {
        this.#closeInput();
        this.#sink.stdinGone();
      },
      finished: () => this.#closeInput(),
    };
    const writer = new InputWriter({ libc: this.#context.libc, fd, isTerminal, handlers });
    if (!isTerminal) watch.want("hangup", true);
    return { fd, writer, watch };
  }

  #closeInput(): void {
    const input = this.#input;
    this.#input = undefined;
    if (!input || input.fd === this.#terminalFd) return;
    input.watch.close();
    this.#context.libc.close(input.fd);
  }

  #endOutput(output: PosixOutput): void {
    if (!this.#outputs.has(output)) return;
    clearTimeout(this.#nextLook);
    if (output.fd === this.#terminalFd) this.#input?.writer.abandon();
    this.#outputs.delete(output);
    output.close();
    if (this.#outputs.size > 0) return;
    this.#sink.ended();
    this.#releaseWhenOver();
  }

  #releaseWhenOver(): void {
    if (!this.#hasExited || this.#outputs.size > 0) return;
    this.#input?.writer.close();
    this.#closeInput();
    for (const feed of this.feeds) feed.close();
    this.#context.released();
  }

  /** A negative pid means a group. */
  #kill(pid: number, signal: number): boolean {
    return this.#context.libc.kill(pid, signal) === 0;
  }
}
