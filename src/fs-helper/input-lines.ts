import { Buffer } from "node:buffer";
import { helperReadBytes } from "../limits.ts";
import { LineBuffer } from "../protocol/line-buffer.ts";
import { whenReady } from "./when-ready.ts";

const newline = 0x0a;

/**
 * The lines of a blocking input, without newlines. The last one may lack its newline, and empty
 * ones are skipped. `read` fills the buffer and returns the number of bytes, 0 at the end.
 */
export function* inputLines(read: (bytes: Buffer) => number): Generator<Buffer> {
  const block = Buffer.allocUnsafe(helperReadBytes);
  const lines = new LineBuffer();
  const readNext = () => whenReady(() => read(block));
  for (let count = readNext(); count > 0; count = readNext()) {
    const bytes = block.subarray(0, count);
    // An incomplete line is kept, so its bytes are copied out of the reused block.
    const isWhole = bytes.at(-1) === newline;
    for (const line of lines.push(isWhole ? bytes : Buffer.from(bytes))) {
      if (line.length > 0) yield line;
    }
  }
  const rest = lines.rest();
  if (rest.length > 0) yield rest;
}
