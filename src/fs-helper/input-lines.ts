import { Buffer } from "node:buffer";
import { helperReadBytes, helperWaitMs } from "../limits.ts";

const newline = 0x0a;

/**
 * The lines of a blocking input, without their ends; the last one may lack its newline, and empty
 * ones are skipped. `read` fills the buffer and tells how many bytes came, 0 at the end.
 */
export function* inputLines(read: (bytes: Buffer) => number): Generator<Buffer> {
  const block = Buffer.allocUnsafe(helperReadBytes);
  let parts: Buffer[] = [];
  for (;;) {
    const count = readWaiting(read, block);
    let from = 0;
    for (let end = newlineIn(block, from, count); end >= 0; end = newlineIn(block, from, count)) {
      const line = Buffer.concat([...parts, block.subarray(from, end)]);
      parts = [];
      from = end + 1;
      if (line.length > 0) yield line;
    }
    if (from < count) parts.push(Buffer.from(block.subarray(from, count)));
    if (count === 0) break;
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

function newlineIn(block: Buffer, from: number, count: number): number {
  const at = block.indexOf(newline, from);
  return at < count ? at : -1;
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
