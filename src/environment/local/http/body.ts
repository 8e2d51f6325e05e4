import { Buffer } from "node:buffer";
import { httpDeltaBytesMax } from "../../../limits.ts";
import { internalError } from "../../../protocol/errors.ts";
import type { EventParams } from "../../../protocol/methods.ts";

type Delta = EventParams<"http/request/bodyDelta">;

/** Reads a body to its end. If it is too large, rejects with -32603 and closes its connection. */
export async function wholeBody(body: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

const tooLarge = (bytesMax: number) =>
  internalError(
    `http/request response body exceeds the limit of ${bytesMax} bytes for a buffered body; ` +
      "ask for it with streamResponse",
  );

interface DeltaSink {
  readonly requestId: string;
  /** False when the client is behind. */
  emit(delta: Delta): boolean;
  /** Settles when the client has caught up; rejects when the stream was ended instead. */
  untilResumed(): Promise<unknown>;
  /** The error in the last delta of a body that broke off. */
  complaint(): string;
  /** Called just before the last delta. */
  beforeLast(): void;
}

/**
 * Passes a body on in order and at the client's pace: while the client is behind nothing is read,
 * so the server has to wait. However the body ends, a last delta says so.
 */
export async function streamBody(body: AsyncIterable<Buffer>, sink: DeltaSink): Promise<void> {
  const { requestId } = sink;
  let seq = 0;
  let error: string | null = null;
  try {
    for await (const part of parts(body)) {
      const deltaBase64 = part.toString("base64");
      const delta = { requestId, seq: ++seq, deltaBase64, done: false, error: null };
      if (!sink.emit(delta)) await sink.untilResumed();
    }
  } catch {
    // The error does not tell who broke the stream; `complaint` does.
    error = sink.complaint();
  }
  sink.beforeLast();
  sink.emit({ requestId, seq: seq + 1, deltaBase64: "", done: true, error });
}

async function* parts(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    for (let start = 0; start < chunk.length; start += httpDeltaBytesMax) {
      yield chunk.subarray(start, start + httpDeltaBytesMax);
    }
  }
}
