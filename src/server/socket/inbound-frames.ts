import { Buffer, isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
import type { SocketCalls } from "../../environment/local/libc/socket-calls.ts";
import {
  gatheredFrameBytesMax,
  gatheredFrameBytesMin,
  heldFrameBytesMax,
  type Limits,
  messagesInTurnMax,
} from "../../limits.ts";
import { frameLength, leavesOpen, textOf } from "./frame-header.ts";
import { unmask } from "./frame-mask.ts";
import { claimFrame, endClaim } from "./frame-memory.ts";

interface InboundOptions extends Pick<SocketCalls, "readAtOnce"> {
  readonly limits: Pick<Limits, "messageBytesMax">;
  /** Takes a message; false when the library has to take it instead. */
  readonly hear: (message: Buffer) => boolean;
}

/**
 * Reads a client's frames before the `ws` library does, on a socket that carries nothing but
 * frames. Whole text messages go straight to `hear`: by way of two streams and the library a small
 * request takes 1.25 times the CPU. The library gets everything else unchanged, and judges what is
 * not as it should be.
 *
 * A small text that is cut waits here for its rest. Given to the library, it would take the
 * messages behind it along; of 200,000 pipelined requests one is cut in each read of 64 KiB, and
 * they took 1.2 times the CPU.
 *
 * A large frame is gathered here until it is whole, in memory that is used again. The library would
 * keep the pieces of 64 KiB that Node reads and copy them at the end, both into new memory, which
 * makes a write of 1 MiB take 1.2 times as long.
 */
export function readFramesAhead(socket: Socket, options: InboundOptions): void {
  const push = socket.push.bind(socket);
  const frames = new InboundFrames(socket, { ...options, pass: push });
  // Node pushes everything it reads. What is unfinished when the socket ends is of no use.
  socket.push = (bytes: Buffer | null) => (bytes === null ? push(null) : frames.push(bytes));
  socket.once("close", () => frames.end());
}

interface InboundWays extends InboundOptions {
  /** Gives bytes to the library; false when it wants no more for now. */
  readonly pass: (bytes: Buffer) => boolean;
}

class InboundFrames {
  readonly #socket: Socket;
  readonly #way: InboundWays;
  readonly #heldBytesMax: number;
  readonly #gatheredBytesMax: number;
  /** Bytes still to come of a frame whose beginning went to the library. */
  #passing = 0;
  /** An unfinished header or small text, kept until its rest comes. */
  #begun: Buffer | undefined;
  /** The large frame that is being gathered, of its final length. */
  #frame: Buffer | undefined;
  #filled = 0;
  /** Whether the library has the beginning of a message in several frames, and not its end. */
  #hasOpenMessage = false;

  constructor(socket: Socket, way: InboundWays) {
    this.#socket = socket;
    this.#way = way;
    this.#heldBytesMax = Math.min(heldFrameBytesMax, way.limits.messageBytesMax);
    this.#gatheredBytesMax = Math.min(gatheredFrameBytesMax, way.limits.messageBytesMax);
  }

  /** False, as for any stream, when Node should stop reading. */
  push(bytes: Buffer): boolean {
    if (this.#frame) return this.#fill(this.#frame, bytes);
    const chunk = this.#begun ? Buffer.concat([this.#begun, bytes]) : bytes;
    this.#begun = undefined;
    let heard = 0;
    let messages = 0;
    let at = this.#passing;
    this.#passing = 0;
    while (at < chunk.length) {
      const length = frameLength(chunk, at);
      if (length === undefined || this.#waits(chunk, at, length)) {
        this.#begun = chunk.subarray(at);
        break;
      }
      this.#hasOpenMessage = leavesOpen(chunk[at] as number, this.#hasOpenMessage);
      const end = at + length;
      if (end > chunk.length && this.#begins(length)) {
        const wantsMore = this.#pass(chunk, heard, at);
        return this.push(chunk.subarray(at)) && wantsMore;
      }
      // Only while everything before it in this chunk was heard, or messages would change order.
      if (at === heard && end <= chunk.length && this.#hear(chunk, at, end)) {
        heard = end;
        messages++;
      }
      at = end;
    }
    if (!this.#begun) this.#passing = at - chunk.length;
    const wantsMore = this.#pass(chunk, heard, Math.min(at, chunk.length));
    return wantsMore && !this.#yields(messages);
  }

  end(): void {
    if (this.#frame) endClaim(this.#frame);
    this.#frame = undefined;
  }

  /**
   * Whether the frame at `at` is a cut small text to be kept; the library must see invalid ones.
   */
  #waits(chunk: Buffer, at: number, length: number): boolean {
    if (at + length <= chunk.length || length > this.#heldBytesMax) return false;
    return !this.#hasOpenMessage && textOf(chunk, at, chunk.length) !== undefined;
  }

  /** Begins to gather a large frame; false for a size that the library handles or refuses. */
  #begins(length: number): boolean {
    if (length < gatheredFrameBytesMin || length > this.#gatheredBytesMax) return false;
    this.#frame = claimFrame(length);
    this.#filled = 0;
    return this.#frame !== undefined;
  }

  #fill(frame: Buffer, bytes: Buffer): boolean {
    const taken = bytes.copy(frame, this.#filled);
    this.#filled += taken;
    if (this.#filled < frame.length) {
      this.#filled += this.#way.readAtOnce(this.#socket, frame.subarray(this.#filled));
    }
    if (this.#filled < frame.length) return true;
    this.end();
    const wantsMore = this.#hear(frame, 0, frame.length) || this.#way.pass(frame);
    return this.push(bytes.subarray(taken)) && wantsMore;
  }

  #pass(chunk: Buffer, start: number, end: number): boolean {
    return start === end || this.#way.pass(chunk.subarray(start, end));
  }

  /**
   * True when this connection has had its turn: reading goes on in the next turn of the event loop.
   * libuv repeats full reads up to 32 times in a row, so beside a client with pipelined requests
   * others waited 0.4 s.
   */
  #yields(messages: number): boolean {
    if (messages <= messagesInTurnMax) return false;
    // An empty push makes the stream ask for more.
    setImmediate(() => this.#way.pass(nothing));
    return true;
  }

  /** Hears the frame from `start` to `end` if it is a valid message; else leaves it unchanged. */
  #hear(bytes: Buffer, start: number, end: number): boolean {
    const { readableFlowing, readableLength } = this.#socket;
    // The library has not read everything before this frame, or has to refuse it.
    if (!readableFlowing || readableLength > 0 || this.#hasOpenMessage) return false;
    const text = textOf(bytes, start, end);
    if (!text || text.payload.length > this.#way.limits.messageBytesMax) return false;
    unmask(text.payload, text.mask);
    if (isUtf8(text.payload) && this.#way.hear(text.payload)) return true;
    unmask(text.payload, text.mask);
    return false;
  }
}

const nothing = Buffer.alloc(0);
