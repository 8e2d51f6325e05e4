import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { SocketCalls } from "../environment/local/spawn/socket-calls.ts";
import { gatheredFrameBytesMax, gatheredFrameBytesMin, type Limits } from "../limits.ts";
import { claimFrame, endClaim } from "./frame-memory.ts";

interface GatherOptions extends Pick<SocketCalls, "readAtOnce"> {
  readonly limits: Pick<Limits, "messageBytesMax">;
}

/**
 * Lets a large frame of a client wait until it is whole, in memory that has been used before. The
 * library takes it then as it is. What comes in pieces of 64 KiB, as Node reads, the library keeps
 * and copies at the end, both into new memory: with that a write of a MiB takes 1.2 times as long.
 * All other bytes pass as they come.
 *
 * For a socket on which nothing but frames will arrive.
 */
export function gatherLargeFrames(socket: Socket, options: GatherOptions): void {
  const push = socket.push.bind(socket);
  const frames = new GatheredFrames(socket, { ...options, pass: push });
  // Through here goes all that is read. What is not whole at the end is nothing to the library.
  socket.push = (bytes: Buffer | null) => (bytes === null ? push(null) : frames.push(bytes));
  socket.once("close", () => frames.end());
}

interface Way extends GatherOptions {
  /** False when there should be no more for now. */
  readonly pass: (bytes: Buffer) => boolean;
}

class GatheredFrames {
  readonly #socket: Socket;
  readonly #way: Way;
  readonly #bytesMax: number;
  /** Bytes to come of a frame that is not gathered. */
  #passing = 0;
  /** The beginning of a header that is not whole. */
  #header: Buffer | undefined;
  /** The frame that is being gathered, as long as it will be. */
  #frame: Buffer | undefined;
  #filled = 0;

  constructor(socket: Socket, way: Way) {
    this.#socket = socket;
    this.#way = way;
    this.#bytesMax = Math.min(gatheredFrameBytesMax, way.limits.messageBytesMax);
  }

  push(bytes: Buffer): boolean {
    if (this.#frame) return this.#fill(this.#frame, bytes);
    const chunk = this.#header ? Buffer.concat([this.#header, bytes]) : bytes;
    this.#header = undefined;
    let at = this.#passing;
    this.#passing = 0;
    while (at < chunk.length) {
      const length = frameLength(chunk, at);
      if (length === undefined) return this.#holdHeader(chunk, at);
      if (at + length > chunk.length && this.#begins(length)) {
        this.#passAhead(chunk, at);
        return this.push(chunk.subarray(at));
      }
      at += length;
    }
    this.#passing = at - chunk.length;
    return this.#way.pass(chunk);
  }

  end(): void {
    if (this.#frame) endClaim(this.#frame);
    this.#frame = undefined;
  }

  /** What the library would refuse it gets at once. */
  #begins(length: number): boolean {
    if (length < gatheredFrameBytesMin || length > this.#bytesMax) return false;
    this.#frame = claimFrame(length);
    this.#filled = 0;
    return this.#frame !== undefined;
  }

  #holdHeader(chunk: Buffer, at: number): boolean {
    this.#header = chunk.subarray(at);
    return this.#passAhead(chunk, at);
  }

  #passAhead(chunk: Buffer, end: number): boolean {
    return end === 0 || this.#way.pass(chunk.subarray(0, end));
  }

  #fill(frame: Buffer, bytes: Buffer): boolean {
    const taken = bytes.copy(frame, this.#filled);
    this.#filled += taken;
    if (this.#filled < frame.length) {
      this.#filled += this.#way.readAtOnce(this.#socket, frame.subarray(this.#filled));
    }
    if (this.#filled < frame.length) return true;
    this.end();
    const wantsMore = this.#way.pass(frame);
    return taken < bytes.length ? this.push(bytes.subarray(taken)) : wantsMore;
  }
}

// ---- the header of a frame, as RFC 6455 has it

const lengthBits = 0x7f;
const maskBit = 0x80;
const maskBytes = 4;
/** What stands in place of a length that follows in two bytes, and in eight. */
const twoByteLength = 126;
const eightByteLength = 127;

/** Of header and payload of the frame that begins there; undefined without its whole header. */
function frameLength(bytes: Buffer, at: number): number | undefined {
  const second = bytes[at + 1];
  if (second === undefined) return undefined;
  const length = second & lengthBits;
  const extended = length === twoByteLength ? 2 : length === eightByteLength ? 8 : 0;
  const payloadAt = at + 2 + extended + (second & maskBit ? maskBytes : 0);
  if (payloadAt > bytes.length) return undefined;
  const header = payloadAt - at;
  if (extended === 2) return header + bytes.readUInt16BE(at + 2);
  return header + (extended === 8 ? Number(bytes.readBigUInt64BE(at + 2)) : length);
}
