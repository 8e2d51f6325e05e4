import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { SocketCalls } from "../environment/local/spawn/socket-calls.ts";
import {
  outboundBytesHigh,
  outboundBytesMax,
  sendBytesMax,
  unreadErrorBytesMax,
} from "../limits.ts";
import { type Frame, writeFrame } from "../protocol/frame.ts";
import type { Traffic } from "./counters.ts";
import { finalText } from "./frame-header.ts";
import type { OrderlySocket } from "./orderly-socket.ts";
import { ReceiptPings, receiptPingBytesMax } from "./receipt-pings.ts";
import { SendMemory } from "./send-memory.ts";

/** How what is sent leaves. */
interface Way extends Pick<SocketCalls, "writeAtOnce"> {
  readonly socket: Socket;
  /** Counts it. */
  readonly traffic: Traffic;
}

/** All connections share it: memory is out of it only until the kernel has what is in it. */
const sendMemory = new SendMemory();

/**
 * What goes out on one WebSocket. The messages of one turn of the event loop are written into one
 * piece of memory and leave in one system call, past the library's own sending: it makes two
 * buffers and two writes of each, which took half of the time of a flood of output. Only whole
 * frames are written, so that the library may send its pings and pongs between them.
 *
 * TCP_NODELAY is set, or the second of two small writes would wait 40 ms for the other end's
 * delayed acknowledgement.
 */
export class Outbox {
  readonly receipts: ReceiptPings;
  readonly #webSocket: OrderlySocket;
  readonly #socket: Socket;
  readonly #traffic: Traffic;
  readonly #writeAtOnce: SocketCalls["writeAtOnce"];
  #waiting: Frame[] = [];
  #waitingBytes = 0;
  #unreadErrorBytes = 0;

  constructor(webSocket: OrderlySocket, { socket, traffic, writeAtOnce }: Way) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#traffic = traffic;
    this.#writeAtOnce = writeAtOnce;
    this.receipts = new ReceiptPings(webSocket);
    webSocket.onClosing(() => this.#write());
    socket.setNoDelay(true);
  }

  /** Sends one text message. What is sent after the closing has begun is dropped. */
  send(frame: Frame): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#traffic.sentBytes += frame.length;
    const bytes = frame.length + headerBytesMax;
    if (this.#waitingBytes + bytes + receiptPingBytesMax > sendBytesMax) this.#write();
    if (this.#waiting.length === 0) void reactions.then(() => process.nextTick(writeWaiting, this));
    this.#waiting.push(frame);
    this.#waitingBytes += bytes;
    // There may be no memory for it, which whoever sends it can still answer for.
    if (bytes > sendBytesMax) this.#write();
  }

  /** The same for an error, of which one cannot be refused as a request can. */
  sendError(frame: Frame): void {
    this.#unreadErrorBytes = this.isFull ? this.#unreadErrorBytes + frame.length : 0;
    this.send(frame);
  }

  /** Whether more waits to be read than anything but errors may be added to. */
  get isFull(): boolean {
    return this.unsentBytes > outboundBytesMax;
  }

  /** Whether the other end sends on and on, and reads nothing of what it is told. */
  get isIgnored(): boolean {
    return this.#unreadErrorBytes > unreadErrorBytesMax;
  }

  /** Bytes that the other end, or the kernel for it, has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.#waitingBytes;
  }

  /** Whether whoever produces output should stop until `onDrain`. */
  get congested(): boolean {
    return this.unsentBytes > outboundBytesHigh;
  }

  onDrain(listener: () => void): void {
    this.#socket.on("drain", listener);
  }

  /** Writes what is waiting, if anything. */
  write(): void {
    this.#write();
  }

  #write(): void {
    if (this.#waiting.length === 0) return;
    const frames = this.#waiting;
    const bytes = this.#waitingBytes + receiptPingBytesMax;
    this.#waiting = [];
    this.#waitingBytes = 0;
    // The connection was cut, with what waited.
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    const memory = sendMemory.take(bytes);
    let end = 0;
    for (const frame of frames) end = writeFrame(frame, memory, writeHeader(memory, end, frame));
    end = this.receipts.writeBehind(memory, end);
    const written = this.#writeAtOnce(this.#socket, memory, end);
    if (written === end) sendMemory.giveBack(memory);
    else this.#socket.write(memory.subarray(written, end), () => sendMemory.giveBack(memory));
  }
}

/**
 * Behind the reactions of promises that the turn has set off: a read that waited for output is then
 * answered in the system call in which the output leaves. Of 200 that are woken at the same time,
 * all are answered in 38 ms instead of 44.
 */
const reactions = Promise.resolve();

const writeWaiting = (outbox: Outbox) => outbox.write();

// ---- the header of a frame, as RFC 6455 has it

const headerBytesMax = 10;
/** Up to here the length stands in the second byte, and up to there in two bytes behind it. */
const shortLengthMax = 125;
const twoByteLengthMax = 0xffff;

function writeHeader(memory: Buffer, start: number, { length }: Frame): number {
  let at = memory.writeUInt8(finalText, start);
  if (length <= shortLengthMax) return memory.writeUInt8(length, at);
  if (length <= twoByteLengthMax) {
    at = memory.writeUInt8(126, at);
    return memory.writeUInt16BE(length, at);
  }
  at = memory.writeUInt8(127, at);
  return memory.writeUIntBE(length, memory.writeUInt16BE(0, at), 6);
}
