import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { turns } from "../../async/turns.ts";
import type { Processes } from "../../environment/processes.ts";
import { stdinPieceBytes, stdinWritesInFlightMax } from "../../limits.ts";
import { StdinClosedError } from "../calls/errors.ts";
import { checkArguments } from "../calls/options.ts";
import { type CallOptions, perform } from "../calls/perform.ts";

/** The stdin of a process that was started with `stdin` or `terminal`. */
export interface ProcessStdin {
  /**
   * Writes text (as UTF-8) or bytes. Writes arrive whole, once and in the order of the calls, also
   * across a broken connection. Settles when the executor has accepted the bytes, which waits while
   * the process does not read. Fails with a `StdinClosedError` when the stdin is closed. A write
   * that is aborted may arrive in part.
   */
  write(input: string | Uint8Array, options?: CallOptions): Promise<void>;
  /** Ends the input after all earlier writes; in a terminal by ^D, twice within a line. */
  end(options?: CallOptions): Promise<void>;
  /**
   * The stdin as a web stream, to pipe into. Closing it ends the input. So does a failing source,
   * like a pipe whose writer dies: otherwise the process would wait for ever. When the process
   * ends before its input, the stream fails with a `StdinClosedError`; a pipe then cancels its
   * source.
   */
  stream(): WritableStream<string | Uint8Array>;
}

interface StdinTarget {
  readonly processId: string;
  readonly processes: Processes;
  /** Settles when the process has ended, or nothing more is heard of it. */
  readonly exit: Promise<unknown>;
}

/** Sends input in pieces, several at a time, so that each does not cost a round trip. */
export function processStdin({ processId, processes, exit }: StdinTarget): ProcessStdin {
  const inTurn = turns(stdinWritesInFlightMax);
  // Write ids have to be unique: another client may have written to the process before.
  const idPrefix = randomUUID();
  let writes = 0;
  const send = async (piece: Buffer, signal: AbortSignal | undefined) => {
    const writeId = `${idPrefix} ${++writes}`;
    const request = { processId, chunk: piece.toString("base64"), writeId };
    const { status } = await processes.write(request, signal);
    if (status !== "accepted") throw new StdinClosedError(processId);
  };
  const write: ProcessStdin["write"] = (input, options = {}) =>
    perform(options, async () => {
      checkArguments({ input });
      const pieces = piecesOf(Buffer.from(input as string));
      await Promise.all(pieces.map((piece) => inTurn(() => send(piece, options.signal))));
    });
  const end: ProcessStdin["end"] = (options = {}) =>
    perform(options, async () => {
      await inTurn(() => processes.closeStdin({ processId }, options.signal));
    });
  const stream = () =>
    new WritableStream<string | Uint8Array>({
      start: (controller) => {
        // A silent source would keep the pipe open. A close under way succeeds all the same.
        const fail = (error: unknown) => controller.error(error);
        exit.then(() => fail(new StdinClosedError(processId)), fail);
      },
      write: (input) => write(input),
      close: () => end(),
      // The pipe reports its own reason, so a failure here is ignored.
      abort: () => end().catch(() => {}),
    });
  return { write, end, stream };
}

function piecesOf(bytes: Buffer): Buffer[] {
  const pieces = [];
  for (let start = 0; start < bytes.length; start += stdinPieceBytes) {
    pieces.push(bytes.subarray(start, start + stdinPieceBytes));
  }
  return pieces;
}
