import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { constants as system } from "node:os";
import { outputReadBytesMax, stdinQueueBytesMax } from "../../../../limits.ts";
import { outputPlace } from "../start/output-place.ts";
import type {
  Feed,
  OutputStream,
  ProcessExit,
  ProcessSink,
  SpawnedProcess,
  TerminalSize,
} from "../start/spawner.ts";
import { readAvailable, resizeTerminal } from "./terminal.ts";

const endOfTransmission = 4;
/** Bounds the drain of a pipe that others may go on writing: no pipe fills more buffers. */
const readsToDrainMax = 16;

export interface NodeConnections {
  /** The program's pid, also where `script` has started it. */
  readonly pid: number;
  readonly outputs: readonly { readonly stream: OutputStream; readonly fd: number }[];
  readonly inputFd: number | undefined;
  /** Path of the terminal device; undefined for pipes. */
  readonly device: string | undefined;
  readonly feeds: readonly Feed[];
  killDescendants(): Promise<void>;
  released(): void;
}

/** One process that child_process started. */
export class NodeProcess implements SpawnedProcess {
  readonly pid: number;
  readonly feeds: readonly Feed[];
  readonly #sink: ProcessSink;
  readonly #connections: NodeConnections;
  readonly #outputs = new Map<Socket, { stream: OutputStream; fd: number }>();
  #input: Socket | undefined;
  #isDrainAwaited = false;
  #hasExited = false;
  #innerGroup: number | undefined;

  constructor(connections: NodeConnections, sink: ProcessSink) {
    this.pid = connections.pid;
    this.feeds = connections.feeds;
    this.#connections = connections;
    this.#sink = sink;
    for (const output of connections.outputs) this.#read(output);
    if (connections.inputFd !== undefined) this.#input = this.#openInput(connections.inputFd);
  }

  get isRunning(): boolean {
    return !this.#hasExited;
  }

  write(bytes: Buffer): boolean {
    if (!this.#input?.writable) return true;
    this.#input.write(bytes);
    if (this.#input.writableLength <= stdinQueueBytesMax) return true;
    this.#isDrainAwaited = true;
    return false;
  }

  endStdin(): void {
    if (this.#connections.device) this.write(Buffer.of(endOfTransmission));
    else this.#input?.end();
  }

  flow(on: boolean): void {
    for (const socket of this.#outputs.keys()) {
      if (on) socket.resume();
      else socket.pause();
    }
  }

  resize(size: TerminalSize): void {
    const { device } = this.#connections;
    if (device && !this.#hasExited) resizeTerminal(device, size);
  }

  leaveSignalsTo(group: number): void {
    this.#innerGroup = group;
  }

  signal(signal: number, target: "leader" | "group"): boolean {
    if (target === "leader") return !this.#hasExited && kill(this.pid, signal);
    if (this.#innerGroup !== undefined) return this.#signalInner(this.#innerGroup, signal);
    if (this.#hasExited && kill(this.pid, 0)) return false;
    return kill(-this.pid, signal);
  }

  async killTree(): Promise<void> {
    this.signal(system.signals.SIGKILL, "group");
    await this.#connections.killDescendants();
  }

  outputPlaces(): string[] {
    const { device } = this.#connections;
    if (device) return [device];
    return [...this.#outputs.values()].flatMap(({ fd }) => outputPlace(fd) ?? []);
  }

  abandonOutput(): void {
    // Not in this call, from which the sink must not be called.
    queueMicrotask(() => {
      for (const [socket, { stream, fd }] of this.#outputs) {
        this.#drain(socket, stream, fd);
        socket.destroy();
      }
    });
  }

  /** To be called when the process has ended. */
  exit(exit: ProcessExit): void {
    this.#hasExited = true;
    this.#sink.exited(exit);
    this.#releaseWhenOver();
  }

  /**
   * A process that is still moving from the outer group to the inner one is killed in the outer.
   */
  #signalInner(group: number, signal: number): boolean {
    if (this.#hasExited) return false;
    const isOuterKilled = signal === system.signals.SIGKILL && kill(-this.pid, signal);
    return kill(-group, signal) || isOuterKilled;
  }

  #read(output: { stream: OutputStream; fd: number }): void {
    const socket = new Socket({ fd: output.fd, readable: true, writable: false });
    this.#outputs.set(socket, output);
    socket.on("data", (bytes: Buffer) => this.#sink.output(output.stream, bytes));
    // `close` follows, and a pipe that cannot be read any more is at its end.
    socket.on("error", () => {});
    socket.on("close", () => this.#endOutput(socket));
  }

  #openInput(fd: number): Socket {
    const socket = new Socket({ fd, readable: false, writable: true });
    socket.on("error", () => {
      this.#input = undefined;
      this.#sink.stdinGone();
    });
    socket.on("drain", () => {
      if (!this.#isDrainAwaited) return;
      this.#isDrainAwaited = false;
      this.#sink.drained();
    });
    return socket;
  }

  #drain(socket: Socket, stream: OutputStream, fd: number): void {
    if (socket.destroyed) return;
    // Emits as `data` what Node had read before the flow was stopped.
    socket.read();
    for (let reads = 0; reads < readsToDrainMax; reads++) {
      const memory = Buffer.allocUnsafe(outputReadBytesMax);
      const count = readAvailable(fd, memory);
      if (count === 0) return;
      this.#sink.output(stream, memory.subarray(0, count));
    }
  }

  #endOutput(socket: Socket): void {
    this.#outputs.delete(socket);
    if (this.#outputs.size > 0) return;
    this.#sink.ended();
    this.#releaseWhenOver();
  }

  #releaseWhenOver(): void {
    if (!this.#hasExited || this.#outputs.size > 0) return;
    this.#input?.destroy();
    this.#input = undefined;
    for (const feed of this.feeds) feed.close();
    this.#connections.released();
  }
}

/** A negative pid means a group. False when no process got the signal. */
export function kill(pid: number, signal: number): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // ESRCH or EPERM, and either way it got no signal.
    return false;
  }
}
