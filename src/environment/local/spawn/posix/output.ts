import type { Buffer } from "node:buffer";
import {
  floodBytesMin,
  floodPipeBytes,
  outputReadBytesMax,
  readAheadBytesMax,
  readAheadMs,
} from "../../../../limits.ts";
import { type Libc, native } from "../../libc/libc.ts";
import type { Stream } from "../../libc/streams.ts";
import type { Poller, Watch } from "./poller.ts";
import type { ReadAheads } from "./read-ahead.ts";
import { OutputReader, type ReadMemory } from "./reader.ts";

/** Shared by all outputs of a spawner. */
export interface OutputTools {
  readonly libc: Libc;
  readonly poller: Poller;
  readonly memory: ReadMemory;
  readonly aheads: ReadAheads;
}

interface OutputHandlers {
  deliver(bytes: Buffer): void;
  /** No process has the other end open. May be called again while the output flows. */
  ended(): void;
  /** A terminal, which is input as well, takes bytes again. */
  writable(): void;
  hungUp(): void;
}

/** The number of full batches in a row that make a flood. */
const floodBatches = 2;

/** The read end of a pipe, or the pty master, of one process. */
export class PosixOutput {
  readonly fd: number;
  readonly watch: Watch;
  readonly #tools: OutputTools;
  readonly #reader: OutputReader;
  readonly #handlers: OutputHandlers;
  readonly #isTerminal: boolean;
  #isFlowing = true;
  #fullBatches = 0;
  /** While a terminal floods: its stream, bytes per read-ahead, and whether one is under way. */
  #stream: Stream | undefined;
  #aheadBytes = outputReadBytesMax;
  #isReadAhead = false;
  #onDrained: (() => void) | undefined;

  constructor(
    tools: OutputTools,
    { fd, isTerminal, handlers }: { fd: number; isTerminal: boolean; handlers: OutputHandlers },
  ) {
    const { libc, poller, memory } = tools;
    this.fd = fd;
    this.#tools = tools;
    this.#isTerminal = isTerminal;
    this.#handlers = handlers;
    this.#reader = new OutputReader({ libc, memory, fd, deliver: handlers.deliver });
    this.watch = poller.watch(fd, {
      readable: () => this.#onReadable(),
      writable: handlers.writable,
      hungUp: handlers.hungUp,
    });
    this.flow(true);
  }

  /** Pauses or resumes reading; a read-ahead under way is still delivered. */
  flow(on: boolean): void {
    this.#isFlowing = on;
    if (!this.#isReadAhead) this.watch.want("read", on);
  }

  /** Delivers what the kernel holds, then calls `done`. Waits only for a read-ahead under way. */
  drain(done: () => void): void {
    this.#onDrained = done;
    if (!this.#isReadAhead) this.#drainNow(done);
  }

  /** Must not be called before a drain is done. */
  close(): void {
    this.watch.close();
    if (this.#stream) this.#tools.libc.closeStream(this.#stream);
    else this.#tools.libc.close(this.fd);
  }

  #drainNow(done: () => void): void {
    this.#reader.drain();
    done();
  }

  #onReadable(): void {
    if (this.#fullBatches >= floodBatches && this.#isTerminal && this.#readAhead()) return;
    const end = this.#reader.readBatch();
    this.#fullBatches = end === "more" ? this.#fullBatches + 1 : 0;
    if (this.#fullBatches === floodBatches && !this.#isTerminal) this.#widen();
    if (end === "end") this.#handlers.ended();
  }

  /**
   * Enlarges the pipe, so that the program writes on while its output is sent. If the kernel
   * refuses, because of the user's limit on pipe memory, the pipe stays as it is.
   */
  #widen(): void {
    this.#tools.libc.fcntl(this.fd, native.F_SETPIPE_SZ, "int", floodPipeBytes);
  }

  /** Starts a read on a thread; false when that is not possible now. */
  #readAhead(): boolean {
    this.#stream ??= this.#tools.libc.openStream(this.fd);
    if (!this.#stream) return false;
    const startedAtMs = performance.now();
    this.#isReadAhead = this.#tools.aheads.read(this.#stream, this.#aheadBytes, (bytes) => {
      this.#isReadAhead = false;
      this.#paceBy(bytes.length, performance.now() - startedAtMs);
      this.#onAhead(bytes);
    });
    if (this.#isReadAhead) this.watch.want("read", false);
    return this.#isReadAhead;
  }

  /**
   * Reads as much as comes in `readAheadMs`, so that output is not held back until more has come.
   */
  #paceBy(length: number, timeMs: number): void {
    if (length < floodBytesMin) this.#fullBatches = 0;
    const bytes = Math.round((length * readAheadMs) / timeMs);
    this.#aheadBytes = Math.min(Math.max(bytes, floodBytesMin), readAheadBytesMax);
  }

  #onAhead(bytes: Buffer): void {
    const done = this.#onDrained;
    // The next read starts first: the program writes on while this one is delivered.
    const goesOn = !done && this.#isFlowing && this.#fullBatches > 0 && this.#readAhead();
    for (let at = 0; at < bytes.length; at += outputReadBytesMax) {
      this.#handlers.deliver(bytes.subarray(at, at + outputReadBytesMax));
    }
    if (done) this.#drainNow(done);
    else if (!goesOn) this.watch.want("read", this.#isFlowing);
  }
}
