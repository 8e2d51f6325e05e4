import type { Processes } from "../environment/processes.ts";
import { type Deferred, deferred } from "../protocol/deferred.ts";
import { errorCodes } from "../protocol/errors.ts";
import { errorOfCode } from "./errors.ts";
import { type OutputChunk, OutputQueue } from "./output-queue.ts";
import { type CallOptions, perform } from "./perform.ts";
import { type ProcessStdin, processStdin } from "./stdin.ts";
import { sizeOf, type TerminalSize } from "./terminal-size.ts";

/** How a process ended. */
export interface ProcessExit {
  /** Its exit code; 128 + n for death by signal n. */
  readonly exitCode: number;
  /** Whether it looks as if the sandbox had refused it something. */
  readonly sandboxDenied: boolean;
}

/**
 * A process of the executor. Iterating gives its output piece by piece as it comes, and ends when
 * every holder of its output has closed it. Leaving the loop does not stop the process, and a later
 * loop goes on where the first one ended; two at once would each miss what the other one gets, so
 * the second fails with a `TypeError`. Output that nobody iterates over costs little memory here.
 */
export interface Process extends AsyncIterable<OutputChunk> {
  readonly id: string;
  readonly stdin: ProcessStdin;
  /**
   * Fulfilled when the process itself has ended; its output may still be held open by others. Fails
   * with an `OperationFailedError` when the executor never tells how it ended.
   */
  readonly exit: Promise<ProcessExit>;
  /** Fulfilled when the process has ended and all its output is known. */
  readonly closed: Promise<void>;
  /**
   * SIGKILL (default): kills everything the process has started. SIGINT: interrupts its process
   * group. Gives whether the process was still running. A process that has ended is no error.
   */
  kill(signal?: "SIGKILL" | "SIGINT", options?: CallOptions): Promise<boolean>;
  /**
   * Changes the size of its terminal. Fails with an `InvalidRequestError` when it has none, and
   * with a `TypeError` for a size that no terminal can have.
   */
  resize(size: TerminalSize, options?: CallOptions): Promise<void>;
}

const untoldExit = (id: string) =>
  errorOfCode(
    errorCodes.internal,
    `the executor told that process ${id} has ended, but not with which exit code`,
  );

const unknownSignal = (signal: never) =>
  new TypeError(`a process is killed by SIGKILL or SIGINT, not by \`${signal}\``);

/** A process with a life: it is told its events, and tells whoever looks at it. */
export class RunningProcess implements Process {
  readonly id: string;
  readonly stdin: ProcessStdin;
  readonly output: OutputQueue;
  readonly #processes: Processes;
  readonly #exit: Deferred<ProcessExit> = deferred();
  readonly #closed: Deferred<void> = deferred();
  #hasExited = false;
  #isIterated = false;

  constructor(id: string, processes: Processes) {
    this.id = id;
    this.stdin = processStdin(id, processes);
    this.output = new OutputQueue((page) => processes.read({ processId: id, ...page }));
    this.#processes = processes;
  }

  get exit(): Promise<ProcessExit> {
    return this.#exit.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  kill(signal: "SIGKILL" | "SIGINT" = "SIGKILL", options: CallOptions = {}): Promise<boolean> {
    const processId = this.id;
    return perform(options.signal, async () => {
      if (signal !== "SIGKILL" && signal !== "SIGINT") throw unknownSignal(signal);
      if (signal === "SIGKILL") {
        return (await this.#processes.terminate({ processId }, options.signal)).running;
      }
      const wasRunning = !this.#hasExited;
      await this.#processes.signal({ processId, signal: "interrupt" }, options.signal);
      return wasRunning;
    });
  }

  resize(size: TerminalSize, { signal }: CallOptions = {}): Promise<void> {
    return perform(signal, async () => {
      await this.#processes.resize({ processId: this.id, size: sizeOf(size) }, signal);
    });
  }

  [Symbol.asyncIterator](): AsyncGenerator<OutputChunk, void, undefined> {
    const left = new AbortController();
    const pieces = this.#pieces(left.signal);
    // By itself a generator is left only when the piece has come that was asked for before.
    const { return: leave, throw: fail } = pieces;
    const wake = () => {
      left.abort();
      this.output.wake();
    };
    pieces.return = (value) => {
      wake();
      return leave.call(pieces, value);
    };
    pieces.throw = (error) => {
      wake();
      return fail.call(pieces, error);
    };
    return pieces;
  }

  async *#pieces(left: AbortSignal): AsyncGenerator<OutputChunk, void, undefined> {
    if (this.#isIterated)
      throw new TypeError(`the output of process ${this.id} is iterated over \
already: leave that loop first, or hand its pieces on`);
    this.#isIterated = true;
    try {
      for (;;) {
        const chunk = await perform(undefined, () => this.output.next(left));
        if (!chunk) return;
        yield chunk;
      }
    } finally {
      this.#isIterated = false;
    }
  }

  exited({ exitCode, sandboxDenied }: ProcessExit): void {
    this.#hasExited = true;
    this.#exit.resolve({ exitCode, sandboxDenied });
  }

  ended(): void {
    this.output.end();
    // Has no effect on an exit that was told.
    this.#exit.reject(untoldExit(this.id));
    this.#closed.resolve();
  }

  failed(error: Error): void {
    this.output.end(error);
    this.#exit.reject(error);
    this.#closed.reject(error);
  }
}
