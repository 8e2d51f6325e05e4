import { Buffer } from "node:buffer";
import { constants as system } from "node:os";
import { stdinQueueBytesMax } from "../../../../limits.ts";
import type { Libc } from "../../libc/libc.ts";

const endOfTransmission = 4;

interface InputHandlers {
  /** Whether `flush` must be called as soon as the kernel has room. */
  waitForRoom(on: boolean): void;
  drained(): void;
  /** No process reads any more; the queue was dropped. */
  gone(): void;
  /** `end` was called, and the queue is written. */
  finished(): void;
}

/** Writes to a pipe or terminal, and queues what the kernel does not take at once. */
export class InputWriter {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #isTerminal: boolean;
  readonly #handlers: InputHandlers;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #state: "open" | "ending" | "over" = "open";
  #isDrainAwaited = false;

  constructor(from: { libc: Libc; fd: number; isTerminal: boolean; handlers: InputHandlers }) {
    this.#libc = from.libc;
    this.#fd = from.fd;
    this.#isTerminal = from.isTerminal;
    this.#handlers = from.handlers;
  }

  write(bytes: Buffer): boolean {
    if (this.#state !== "open" || bytes.length === 0) return true;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#queue.length === 1) this.#writeQueue();
    const isFull = this.#queuedBytes > stdinQueueBytesMax;
    if (isFull) this.#isDrainAwaited = true;
    return !isFull;
  }

  /** Ends a pipe after its queue. A terminal gets ^D instead, and stays open. */
  end(): void {
    if (this.#state !== "open") return;
    if (this.#isTerminal) {
      this.write(Buffer.of(endOfTransmission));
      return;
    }
    this.#state = "ending";
    if (this.#queue.length === 0) this.#finish();
  }

  /** To be called when the kernel has room. */
  flush(): void {
    this.#writeQueue();
    if (this.#isDrainAwaited && this.#queuedBytes <= stdinQueueBytesMax) {
      this.#isDrainAwaited = false;
      if (this.#state !== "over") this.#handlers.drained();
    }
  }

  /** To be called when no process reads any more. */
  abandon(): void {
    if (this.#state === "over") return;
    this.#stop();
    this.#handlers.gone();
  }

  /** Drops the queue; neither `gone` nor `finished` is called. */
  close(): void {
    if (this.#state !== "over") this.#stop();
  }

  #writeQueue(): void {
    while (this.#state !== "over") {
      const [bytes] = this.#queue;
      if (bytes === undefined) break;
      const count = this.#libc.write(this.#fd, bytes, bytes.length);
      if (count < 0) {
        if (this.#libc.errno() === system.errno.EINTR) continue;
        if (this.#libc.errno() === system.errno.EAGAIN) break;
        // The caller may be inside `write`: `gone` is called after that has returned.
        queueMicrotask(() => this.abandon());
        return;
      }
      this.#queuedBytes -= count;
      if (count === bytes.length) this.#queue.shift();
      else this.#queue[0] = bytes.subarray(count);
    }
    this.#handlers.waitForRoom(this.#queue.length > 0);
    if (this.#state === "ending" && this.#queue.length === 0) this.#finish();
  }

  #finish(): void {
    this.#stop();
    this.#handlers.finished();
  }

  #stop(): void {
    this.#state = "over";
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#handlers.waitForRoom(false);
  }
}
