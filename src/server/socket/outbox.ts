import type { Socket } from "node:net";
import type { SocketCalls } from "../../environment/local/libc/socket-calls.ts";
import {
  laneBytesFree,
  laneTurnBytes,
  outboundBytesHigh,
  outboundBytesMax,
  sendBytesMax,
  unreadErrorBytesMax,
} from "../../limits.ts";
import type { Frame } from "../../protocol/frame.ts";
import type { Traffic } from "../watch/counters.ts";
import { ArrivalWindow } from "./arrival-window.ts";
import { headerBytesMax } from "./frame-header.ts";
import { LinePace } from "./line-pace.ts";
import type { OrderlySocket } from "./orderly-socket.ts";
import { ReceiptPings, receiptPingBytesMax } from "./receipt-pings.ts";
import { type Batch, batchOf, type Message, storable } from "./send-batch.ts";
import { SendLanes } from "./send-lanes.ts";
import { giveBackSendMemory } from "./send-memory.ts";
import { preparePieces, writeInPieces } from "./write-in-pieces.ts";

interface OutboxOptions {
  readonly socket: Socket;
  readonly calls: Pick<SocketCalls, "writeAtOnce" | "limitUnsent">;
  /** Where the sent bytes are counted. */
  readonly traffic: Traffic;
}

/** Lanes of answers that may overtake everything else: small answers, and large ones. */
const answers = "";
const largeAnswers = " ";

/**
 * Sends the messages of one WebSocket. The messages of one turn of the event loop are put into one
 * buffer and leave in one system call. The `ws` library would make two buffers and two writes of
 * each message, which took half the time of a flood of output, so its sending is bypassed. Only
 * whole frames are written, so that the library can send its pings and pongs in between.
 *
 * Messages that a slow line does not take wait in lanes, and only little is written at once: so a
 * keystroke's echo overtakes a flood of output that was there first. Proxies on the way may accept
 * everything at once; there, the flood waits until the client confirms what has arrived.
 *
 * TCP_NODELAY is set, because the second of two small writes would otherwise wait 40 ms for the
 * delayed acknowledgement of the first.
 */
export class Outbox {
  readonly receipts: ReceiptPings;
  readonly #webSocket: OrderlySocket;
  readonly #socket: Socket;
  readonly #traffic: Traffic;
  readonly #writeAtOnce: SocketCalls["writeAtOnce"];
  /** The messages of this turn of the event loop. */
  #waiting: Message[] = [];
  #waitingBytes = 0;
  /** The messages of earlier turns that have not been written. */
  readonly #lanes = new SendLanes<Message>();
  #tellRoom = () => {};
  /** Writes of which the kernel has not taken everything yet. */
  #unfinishedWrites = 0;
  readonly #pace: LinePace;
  readonly #window = new ArrivalWindow(() => this.#goOn());
  #unreadErrorBytes = 0;

  constructor(webSocket: OrderlySocket, { socket, calls, traffic }: OutboxOptions) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#traffic = traffic;
    this.#writeAtOnce = calls.writeAtOnce;
    this.receipts = new ReceiptPings(webSocket, this.#window);
    webSocket.onClosing(() => this.#writeAll());
    socket.setNoDelay(true);
    preparePieces(socket);
    this.#pace = new LinePace((bytes) => calls.limitUnsent(socket, bytes));
  }

  /**
   * Sends one text message, behind the earlier ones of its lane. Without a lane it is an answer
   * that may overtake other messages. Messages are dropped once the WebSocket is closing.
   */
  send(frame: Frame, lane?: string): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#traffic.sentBytes += frame.length;
    const length = frame.length + headerBytesMax;
    if (this.#waitingBytes + length + receiptPingBytesMax > sendBytesMax) this.write();
    if (this.#waiting.length === 0) void reactions.then(() => process.nextTick(writeWaiting, this));
    this.#waiting.push({ frame, lane: lane ?? laneOfSize(length), length });
    this.#waitingBytes += length;
    // Written now, so that the sender hears when there is no memory for it, and answers an error.
    if (length > sendBytesMax) this.write();
  }

  /** Sends an error. It is sent even when the outbox is full, and counts for `isIgnored` then. */
  sendError(frame: Frame): void {
    this.#unreadErrorBytes = this.isFull ? this.#unreadErrorBytes + frame.length : 0;
    this.send(frame);
  }

  /** Whether so much is unsent that requests are answered with errors only. */
  get isFull(): boolean {
    return this.unsentBytes > outboundBytesMax;
  }

  /** Whether the client goes on sending although it reads no answers: it should be cut off. */
  get isIgnored(): boolean {
    return this.#unreadErrorBytes > unreadErrorBytesMax;
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.#waitingBytes + this.#lanes.bytes;
  }

  /** Whether the producer of this lane's messages should pause until `onRoom`. */
  isBehind(lane = answers): boolean {
    return this.unsentBytes > outboundBytesHigh && this.#lanes.bytesIn(lane) > laneBytesFree;
  }

  /** Sets the listener that is called when everything has been written. */
  onRoom(listener: () => void): void {
    this.#tellRoom = listener;
  }

  /** Writes the messages of this turn, or queues them in their lanes on a slow line. */
  write(): void {
    if (this.#waiting.length === 0) return;
    const messages = this.#waiting;
    const bytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    // The connection was cut, so these messages are lost with it.
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    if (this.#isFree && bytes <= this.#batchBytes) {
      this.#put(batchOf(messages));
    } else {
      for (const message of messages) this.#lanes.add(message.lane, storable(message));
      this.#writeNext();
    }
  }

  /** Whether a write now would leave at once. */
  get #isFree(): boolean {
    return this.#unfinishedWrites === 0 && this.#lanes.bytes === 0 && this.#window.isOpen;
  }

  /** Bytes that may be written at once. */
  get #batchBytes(): number {
    return Math.min(this.#pace.batchBytes, this.#window.batchBytes);
  }

  /** Writes from the lanes as much as the line takes. */
  #writeNext(): void {
    while (this.#unfinishedWrites === 0 && this.#lanes.bytes > 0) {
      const bytesMax = this.#batchBytes - receiptPingBytesMax;
      const lanes = this.#lanes;
      const messages = this.#window.isOpen ? lanes.take(bytesMax) : lanes.takeFresh(bytesMax);
      if (messages.length === 0) return;
      this.#putAll(messages);
    }
  }

  #writeAll(): void {
    this.write();
    while (this.#lanes.bytes > 0)
      this.#putAll(this.#lanes.take(sendBytesMax - receiptPingBytesMax));
  }

  #putAll(messages: readonly Message[]): void {
    this.#put(messages[0]?.batch ?? batchOf(messages));
  }

  #put({ memory, end: messagesEnd }: Batch): void {
    const isLast = this.#waitingBytes + this.#lanes.bytes === 0;
    const end = this.receipts.writeBehind(memory, messagesEnd, isLast);
    const written = this.#writeAtOnce(this.#socket, memory, end);
    if (written === end) {
      this.#pace.took(end, 0);
      giveBackSendMemory(memory);
      return;
    }
    this.#unfinishedWrites++;
    const startedAtMs = performance.now();
    writeInPieces(this.#socket, memory.subarray(written, end), () => {
      giveBackSendMemory(memory);
      this.#unfinishedWrites--;
      this.#pace.took(end, performance.now() - startedAtMs);
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) this.#lanes.clear();
    this.#writeNext();
    if (!this.#isFree) return;
    this.#lanes.clear();
    this.#tellRoom();
  }
}

const laneOfSize = (length: number) => (length > laneTurnBytes ? largeAnswers : answers);

/**
 * Delays the write until the promise reactions of this turn have run. A long-polling `process/read`
 * is then answered in the same system call in which its output leaves: 200 that are woken together
 * are answered in 38 ms instead of 44.
 */
const reactions = Promise.resolve();

const writeWaiting = (outbox: Outbox) => outbox.write();
