import { Buffer } from "node:buffer";
import { helperReadBytes, helperWaitMs } from "../limits.ts";
import { LineBuffer } from "../protocol/line-buffer.ts";

const newline = 0x0a;

/**
 * The lines of a blocking input, without their ends; the last one may lack its newline, and empty
 * ones are skipped. `read` fills the buffer and tells how many bytes came, 0 at the end.
 */
export function* inputLines(read: (bytes: Buffer) => number): Generator<Buffer> {
  const block = Buffer.allocUnsafe(helperReadBytes);
  const lines = new LineBuffer();
  for (let count = readWaiting(read, block); count > 0; count = readWaiting(read, block)) {
    const bytes = block.subarray(0, count);
    // What is not yet a line is kept, and must not be overwritten.
    const isWhole = bytes.at(-1) === newline;
    for (const line of lines.push(isWhole ? bytes : Buffer.from(bytes))) {
      if (line.length > 0) yield line;
    }
  }
  const rest = lines.rest();
  if (rest.length > 0) yield rest;
}

/** Whoever started the worker may have left the input non-blocking: then the wait is ours. */
function readWaiting(read: (bytes: Buffer) => number, block: Buffer): number {
  for (;;) {
    try {
      return read(block);
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, helperWaitMs);
    }
  }
}
