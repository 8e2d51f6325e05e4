import { Buffer } from "node:buffer";

const newline = 0x0a;

/** Assembles lines from pieces, looking at each byte once. */
export class LineBuffer {
  #parts: Buffer[] = [];

  /** The lines, without newlines, that these bytes complete; the rest is kept. */
  push(bytes: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, from)) {
      lines.push(this.#joined(bytes.subarray(from, end)));
      from = end + 1;
    }
    if (from < bytes.length) this.#parts.push(bytes.subarray(from));
    return lines;
  }

  /** The incomplete last line. */
  rest(): Buffer {
    return this.#joined(Buffer.alloc(0));
  }

  #joined(last: Buffer): Buffer {
    if (this.#parts.length === 0) return last;
    const line = Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    return line;
  }
}
