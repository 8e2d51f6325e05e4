import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { Processes } from "../environment/processes.ts";
import { stdinPieceBytes, stdinWritesInFlightMax } from "../limits.ts";
import { StdinClosedError } from "./errors.ts";
import { type CallOptions, perform } from "./perform.ts";

/** Input of a process that was started with `stdin` or a terminal. */
export interface ProcessStdin {
  /**
   * Writes text (as UTF-8) or bytes; writes arrive whole and in the order of the calls, each once,
   * also when the connection breaks. Settles when the executor has taken them, which waits while
   * the process does not read. Fails with a `StdinClosedError` when nobody will read them. Of a
   * write that is given up the beginning may arrive.
   */
  write(input: string | Uint8Array, options?: CallOptions): Promise<void>;
  /** Ends the input after what was written before; ^D in a terminal. */
  end(options?: CallOptions): Promise<void>;
  /**
   * The same as a web stream, to pipe into. Closing it ends the input, and so does a source that
   * fails, as where a pipe's writer dies: the process would wait for ever for what does not come.
   */
  stream(): WritableStream<string | Uint8Array>;
}

export function processStdin(processId: string, processes: Processes): ProcessStdin {
  const writer = new StdinWriter(processId, processes);
  const write: ProcessStdin["write"] = (input, { signal } = {}) =>
    perform(signal, () => writer.write(Buffer.from(input as string), signal));
  const end: ProcessStdin["end"] = ({ signal } = {}) => perform(signal, () => writer.end(signal));
  const stream = () =>
    new WritableStream<string | Uint8Array>({
      write: (input) => write(input),
      close: () => end(),
      // The reason is what the source's owner wants to see, not what became of the process.
      abort: () => end().catch(() => {}),
    });
  return { write, end, stream };
}

/**
 * Sends input in pieces, some of them at a time, so that a long input costs no round trip a piece.
 */
class StdinWriter {
  readonly #processId: string;
  readonly #processes: Processes;
  readonly #waiting: (() => Promise<void>)[] = [];
  /** Another client may have written to the process before, under ids of its own. */
  readonly #idPrefix = randomUUID();
  #inFlight = 0;
  #writes = 0;

  constructor(processId: string, processes: Processes) {
    this.#processId = processId;
    this.#processes = processes;
  }

  async write(bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const sent = [];
    for (let start = 0; start < bytes.length; start += stdinPieceBytes) {
      const piece = bytes.subarray(start, start + stdinPieceBytes);
      sent.push(this.#inTurn(() => this.#send(piece, signal)));
    }
    await Promise.all(sent);
  }

  async end(signal?: AbortSignal): Promise<void> {
    const processId = this.#processId;
    await this.#inTurn(async () => void (await this.#processes.closeStdin({ processId }, signal)));
  }

  #inTurn(send: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => send().then(resolve, reject));
      this.#sendNext();
    });
  }

  #sendNext(): void {
    if (this.#inFlight >= stdinWritesInFlightMax) return;
    const send = this.#waiting.shift();
    if (!send) return;
    this.#inFlight++;
    void send().finally(() => {
      this.#inFlight--;
      this.#sendNext();
    });
  }

  async #send(piece: Buffer, signal: AbortSignal | undefined): Promise<void> {
    const request = {
      processId: this.#processId,
      chunk: piece.toString("base64"),
      writeId: `${this.#idPrefix} ${++this.#writes}`,
    };
    const { status } = await this.#processes.write(request, signal);
    if (status !== "accepted") throw new StdinClosedError(this.#processId);
  }
}
