import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { Processes } from "../environment/processes.ts";
import { stdinPieceBytes, stdinWritesInFlightMax } from "../limits.ts";
import { StdinClosedError } from "./errors.ts";
import { type CallOptions, perform } from "./perform.ts";

/** The stdin of a process that was started with `stdin` or `terminal`. */
export interface ProcessStdin {
  /**
   * Writes text (as UTF-8) or bytes. Writes arrive whole, once and in the order of the calls, also
   * across a broken connection. Settles when the executor has accepted the bytes, which waits while
   * the process does not read. Fails with a `StdinClosedError` when the stdin is closed. A write
   * that is aborted may arrive in part.
   */
  write(input: string | Uint8Array, options?: CallOptions): Promise<void>;
  /** Ends the input after all earlier writes; in a terminal this sends ^D. */
  end(options?: CallOptions): Promise<void>;
  /**
   * The stdin as a web stream, to pipe into. Closing it ends the input. So does a failing source,
   * like a pipe whose writer dies: otherwise the process would wait for ever.
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
      // The pipe reports its own reason, so a failure here is ignored.
      abort: () => end().catch(() => {}),
    });
  return { write, end, stream };
}

/** Sends input in pieces, several at a time, so that each does not cost a round trip. */
class StdinWriter {
  readonly #processId: string;
  readonly #processes: Processes;
  readonly #waiting: (() => Promise<void>)[] = [];
  /** Makes write ids unique: another client may have written to the process before. */
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
