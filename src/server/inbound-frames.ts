import { Buffer, isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
import type { SocketCalls } from "../environment/local/spawn/socket-calls.ts";
import {
  gatheredFrameBytesMax,
  gatheredFrameBytesMin,
  heldFrameBytesMax,
  type Limits,
  messagesInTurnMax,
} from "../limits.ts";
import { frameLength, leavesOpen, textOf } from "./frame-header.ts";
import { unmask } from "./frame-mask.ts";
import { claimFrame, endClaim } from "./frame-memory.ts";

interface InboundOptions extends Pick<SocketCalls, "readAtOnce"> {
  readonly limits: Pick<Limits, "messageBytesMax">;
  /** Gets a message; false when it does not want it past the library now. */
  readonly hear: (message: Buffer) => boolean;
}

/**
 * Reads the frames of a client ahead of the library. What is a whole text message is heard at once:
 * on its way through two streams and the library it sets off so many calls that a small request
 * takes 1.25 times the CPU, in a young server and later. All else the library gets as it came, and
 * judges what is not as it should be.
 *
 * A small text that is cut waits for its rest: of what is read together nothing is heard behind the
 * rest of a frame that the library has begun, and who sends 200,000 requests without waiting has
 * them cut at each 64 KiB. They took 1.2 times the CPU.
 *
 * A large frame waits until it is whole, in memory that has been used before. What comes in pieces
 * of 64 KiB, as Node reads, the library keeps and copies at the end, both into new memory: with
 * that a write of a MiB takes 1.2 times as long.
 *
 * For a socket on which nothing but frames will arrive.
 */
export function readFramesAhead(socket: Socket, options: InboundOptions): void {
  const push = socket.push.bind(socket);
  const frames = new InboundFrames(socket, { ...options, pass: push });
  // Through here goes all that is read. What is not whole at the end is nothing to the library.
  socket.push = (bytes: Buffer | null) => (bytes === null ? push(null) : frames.push(bytes));
  socket.once("close", () => frames.end());
}

interface Way extends InboundOptions {
  /** To the library; false when there should be no more for now. */
  readonly pass: (bytes: Buffer) => boolean;
}

class InboundFrames {
  readonly #socket: Socket;
  readonly #way: Way;
  readonly #heldBytesMax: number;
  readonly #gatheredBytesMax: number;
  /** Bytes to come of a frame whose beginning the library has. */
  #passing = 0;
  /** The beginning of a header, or of a small text, that is not whole. */
  #begun: Buffer | undefined;
  /** The frame that is being gathered, as long as it will be. */
  #frame: Buffer | undefined;
  #filled = 0;
  /** Whether the library has the beginning of a message in several frames, and not its end. */
  #hasOpenMessage = false;

  constructor(socket: Socket, way: Way) {
    this.#socket = socket;
    this.#way = way;
    this.#heldBytesMax = Math.min(heldFrameBytesMax, way.limits.messageBytesMax);
    this.#gatheredBytesMax = Math.min(gatheredFrameBytesMax, way.limits.messageBytesMax);
  }

  /** False, as of any stream, once the library wants no more: one frame is gathered, not all. */
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
      // Not before what the library has to hear of this chunk.
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

  /** Whether what begins there is a small text that is cut, and none that the library refuses. */
  #waits(chunk: Buffer, at: number, length: number): boolean {
    if (at + length <= chunk.length || length > this.#heldBytesMax) return false;
    return !this.#hasOpenMessage && textOf(chunk, at, chunk.length) !== undefined;
  }

  /** What the library would refuse it gets at once. */
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
   * Whether to read on when others have had their turn. As long as a read is full libuv begins the
   * next at once, 32 times: with requests that are sent without waiting, others waited 0.4 s.
   */
  #yields(messages: number): boolean {
    if (messages <= messagesInTurnMax) return false;
    // Whoever is given nothing asks for more.
    setImmediate(() => this.#way.pass(nothing));
    return true;
  }

  /** Whether the frame between is a message that has been heard; if not, it is as it was. */
  #hear(bytes: Buffer, start: number, end: number): boolean {
    const { readableFlowing, readableLength } = this.#socket;
    // The library has not read all that came before, or refuses this one.
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
