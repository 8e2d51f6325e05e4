import { deferred } from "../../async/deferred.ts";
import type { Processes } from "../../environment/processes.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { EventParams } from "../../protocol/methods.ts";
import { signalNames } from "../../protocol/signals.ts";
import { errorOfCode } from "../calls/errors.ts";
import { checkArguments } from "../calls/options.ts";
import { type CallOptions, perform } from "../calls/perform.ts";
import { type OutputChunk, OutputQueue } from "./output-queue.ts";
import type { TerminalSize } from "./start.ts";
import { type ProcessStdin, processStdin } from "./stdin.ts";

/** A POSIX signal. */
export type Signal = (typeof signalNames)[number];

/** How a process ended. */
export interface ProcessExit {
  /** The exit code; 128 + n after death by signal n. */
  readonly exitCode: number;
  /** Whether the sandbox probably refused the process something, by its exit code and output. */
  readonly sandboxDenied: boolean;
  /**
   * Why the program did not run although its start succeeded, and what helps: its sandbox could not
   * be completed. Absent when it ran.
   */
  readonly failure?: string;
}

/**
 * A process of the executor. Iterating yields its output as it comes, and ends when every process
 * that holds its output open has closed it. Leaving the loop does not stop the process, and a later
 * loop continues where the first one ended. A second loop at the same time fails with a
 * `TypeError`, because each would miss what the other gets. Some 64 MiB of unread output wait here;
 * the rest stays with the executor, as far as that retains it.
 */
export interface Process extends AsyncIterable<OutputChunk> {
  readonly id: string;
  readonly stdin: ProcessStdin;
  /**
   * Fulfilled when the process itself has ended; others may still hold its output open. Fails with
   * an `OperationFailedError` when the executor does not tell the exit code.
   */
  readonly exit: Promise<ProcessExit>;
  /** Fulfilled when the process has ended and all its output has arrived. */
  readonly closed: Promise<void>;
  /**
   * SIGKILL (default) kills the process and everything it started; any other signal goes to its
   * process group. A job of an interactive shell has a group of its own: write `\x03` to the
   * terminal's stdin to interrupt it. Returns whether the process was still running. A process that
   * has ended is no error. An executor without the capability `processSignals` refuses all signals
   * but SIGKILL and SIGINT.
   */
  kill(signal?: Signal, options?: CallOptions): Promise<boolean>;
  /**
   * Changes the size of its pty. Fails with an `InvalidRequestError` when it has none, and with a
   * `TypeError` for a size out of range.
   */
  resize(size: TerminalSize, options?: CallOptions): Promise<void>;
}

const exitCodeNotTold = (id: string) =>
  errorOfCode(
    errorCodes.internal,
    `the executor told that process ${id} has ended, but not with which exit code`,
  );

const unknownSignal = (signal: unknown) =>
  new TypeError(`\`${signal}\` is no POSIX signal, such as SIGTERM`);

type ExitEvent = EventParams<"process/exited">;

/** The `Process` of the library, driven by the events of its machine. */
export class RunningProcess implements Process {
  readonly id: string;
  readonly stdin: ProcessStdin;
  readonly output: OutputQueue;
  readonly #processes: Processes;
  readonly #exit = deferred<ProcessExit>();
  readonly #closed = deferred<void>();
  readonly exit = this.#exit.promise;
  readonly closed = this.#closed.promise;
  #hasExited = false;
  #isIterated = false;

  constructor(id: string, processes: Processes) {
    this.id = id;
    this.stdin = processStdin({ processId: id, processes, exit: this.exit });
    this.output = new OutputQueue((page) => processes.read({ processId: id, ...page }));
    this.#processes = processes;
  }

  kill(signal: Signal = "SIGKILL", options: CallOptions = {}): Promise<boolean> {
    const processId = this.id;
    return perform(options, async () => {
      if (!signalNames.includes(signal)) throw unknownSignal(signal);
      if (signal === "SIGKILL") {
        return (await this.#processes.terminate({ processId }, options.signal)).running;
      }
      const wasRunning = !this.#hasExited;
      // The only word for a signal that every executor knows.
      const word = signal === "SIGINT" ? "interrupt" : signal;
      await this.#processes.signal({ processId, signal: word }, options.signal);
      return wasRunning;
    });
  }

  resize(size: TerminalSize, options: CallOptions = {}): Promise<void> {
    return perform(options, async () => {
      checkArguments({ size });
      const { rows, cols } = size;
      await this.#processes.resize({ processId: this.id, size: { rows, cols } }, options.signal);
    });
  }

  [Symbol.asyncIterator](): AsyncGenerator<OutputChunk, void, undefined> {
    const left = new AbortController();
    const pieces = this.#pieces(left.signal);
    // A generator's own `return` waits for the piece that was asked for before: so that is woken.
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
        const chunk = await perform({}, () => this.output.next(left));
        if (!chunk) return;
        yield chunk;
      }
    } finally {
      this.#isIterated = false;
    }
  }

  exited({ exitCode, sandboxDenied, failure }: ExitEvent): void {
    this.#hasExited = true;
    const told = failure === undefined ? {} : { failure };
    this.#exit.resolve({ exitCode, sandboxDenied, ...told });
  }

  ended(): void {
    this.output.end();
    // Has no effect when `exited` came before.
    this.#exit.reject(exitCodeNotTold(this.id));
    this.#closed.resolve();
  }

  failed(error: Error): void {
    this.output.end(error);
    this.#exit.reject(error);
    this.#closed.reject(error);
  }
}
