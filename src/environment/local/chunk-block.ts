import type { Buffer } from "node:buffer";
import type { Chunk } from "./output-run.ts";

/** Each chunk stands behind its number, its stream and its length. */
const seqBytes = 6;
const headerBytes = seqBytes + 1 + 2;
const streams = ["stdout", "stderr", "pty"] as const;

/** Neighbouring chunks, packed to be written to disk at once. */
export class ChunkBlock {
  readonly firstSeq: number;
  lastSeq: number;
  /** Bytes of output, without what stands before each chunk. */
  outputBytes = 0;
  /** Missing once the block is on disk only. */
  memory: Buffer | undefined;
  usedBytes = 0;
  /** No further chunk fits. */
  #isFull = false;
  /** Its place in the file, once it is there. */
  slot: number | undefined;
  isDropped = false;

  constructor(memory: Buffer, firstSeq: number) {
    this.memory = memory;
    this.firstSeq = firstSeq;
    this.lastSeq = firstSeq;
  }

  /**
   * What is written of it: when it is full, the whole of its place, so that whatever comes there
   * later fits also on a full disk, which could not fill a hole.
   */
  get written(): Buffer | undefined {
    return this.#isFull ? this.memory : this.memory?.subarray(0, this.usedBytes);
  }

  /** False when there is no room for it. */
  add({ seq, stream, bytes }: Chunk): boolean {
    const { memory } = this;
    if (memory === undefined) return false;
    if (this.usedBytes + headerBytes + bytes.length > memory.length) {
      this.#isFull = true;
      // Nothing of what was in the memory before belongs on a disk.
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
