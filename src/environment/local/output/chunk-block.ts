import type { Buffer } from "node:buffer";
import type { Chunk } from "./output-run.ts";

/** Each chunk follows a header of its number, stream and length. */
const seqBytes = 6;
const headerBytes = seqBytes + 1 + 2;
const streams = ["stdout", "stderr", "pty"] as const;

/** Consecutive chunks, packed to be written to disk in one piece. */
export class ChunkBlock {
  readonly firstSeq: number;
  lastSeq: number;
  /** Bytes of output, without headers. */
  outputBytes = 0;
  /** Undefined once the block is only on disk. */
  memory: Buffer | undefined;
  usedBytes = 0;
  /** A further chunk did not fit. */
  #isFull = false;
  /** Its slot in the file, once it is written there. */
  slot: number | undefined;
  isDropped = false;

  constructor(memory: Buffer, firstSeq: number) {
    this.memory = memory;
    this.firstSeq = firstSeq;
    this.lastSeq = firstSeq;
  }

  /**
   * The bytes to write: of a full block its whole slot, so that a later block fits there on a full
   * disk, too, which could not fill a hole.
   */
  get written(): Buffer | undefined {
    return this.#isFull ? this.memory : this.memory?.subarray(0, this.usedBytes);
  }

  /** Packs a chunk into the block; false when it does not fit. */
  add({ seq, stream, bytes }: Chunk): boolean {
    const { memory } = this;
    if (memory === undefined) return false;
    if (this.usedBytes + headerBytes + bytes.length > memory.length) {
      this.#isFull = true;
      // Earlier content of the memory must not get to the disk.
      memory.fill(0, this.usedBytes);
      return false;
    }
    let at = memory.writeUIntBE(seq, this.usedBytes, seqBytes);
    at = memory.writeUInt8(streams.indexOf(stream), at);
    at = memory.writeUInt16BE(bytes.length, at);
    this.usedBytes = at + bytes.copy(memory, at);
    this.outputBytes += bytes.length;
    this.lastSeq = seq;
    return true;
  }
}

/** Chunks of a packed block with a greater number than `afterSeq`; they share its memory. */
export function unpackedChunks(packed: Buffer, afterSeq: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 0; at < packed.length; ) {
    const seq = packed.readUIntBE(at, seqBytes);
    const stream = streams[packed.readUInt8(at + seqBytes)] ?? "stdout";
    const start = at + headerBytes;
    at = start + packed.readUInt16BE(at + seqBytes + 1);
    if (seq > afterSeq)
      chunks.push({ kind: "output", seq, stream, bytes: packed.subarray(start, at) });
  }
  return chunks;
}
