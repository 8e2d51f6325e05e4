import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { outboundBytesHigh } from "../limits.ts";
import type { Traffic } from "./counters.ts";

/**
 * What goes out on one WebSocket. Frames of one turn of the event loop leave in one system call:
 * that gave half as many requests per second again. TCP_NODELAY is set, or the second of two small
 * frames would wait 40 ms for the other end's delayed acknowledgement.
 */
export class Outbox {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #traffic: Traffic;
  #corked = false;

  constructor(webSocket: WebSocket, socket: Socket, traffic: Traffic) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#traffic = traffic;
    socket.setNoDelay(true);
  }

  /** Sends one text frame. What is sent after the end of the connection is dropped. */
  send(frame: Buffer): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#cork();
    this.#traffic.sentBytes += frame.length;
    this.#webSocket.send(frame, asText);
  }

  /** Bytes that the other end, or the kernel for it, has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Whether whoever produces output should stop until `onDrain`. */
  get congested(): boolean {
    return this.unsentBytes > outboundBytesHigh;
  }

  onDrain(listener: () => void): void {
    this.#socket.on("drain", listener);
  }

  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }
}

const asText = { binary: false, compress: false };
