import {
  bulkStallMs,
  outboundBytesHold,
  outboundBytesHoldFree,
  outboundBytesHoldTotal,
  readAnswerBytesMax,
  sendBytesMax,
} from "../limits.ts";
import { invalidRequest } from "../protocol/errors.ts";
import type { Method, Params } from "../protocol/methods.ts";

const MiB = 1024 * 1024;

/** Bytes that an answer is expected to take at most, for methods whose answers can be large. */
const expectedBytes = new Map<Method, number>([
  ["process/read", readAnswerBytesMax],
  ["process/list", 4 * MiB],
  ["fs/readFile", 16 * MiB],
  ["fs/readBlock", MiB],
  ["fs/readDirectory", 4 * MiB],
  ["fs/walk", 4 * MiB],
]);

/** Whether the answers of a method can be large. */
export const isBulk = (method: Method) => expectedBytes.has(method);

interface Size {
  readonly bytes: number;
  readonly mayHang: boolean;
}

interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
  readonly refuse: (error: Error) => void;
}

/** Those of all connections that have asked for much: they share the memory for it. */
const sharers = new Set<BulkTurns>();

/**
 * Requests of one connection whose answers can be large. They are carried out only when there is
 * room for what they give: a client that asks for much and reads slowly costs a little memory, and
 * gets everything in the end. Many such clients cost no more than all may hold together; a client
 * that reads is then given less at a time. Other requests are never held, so that a keystroke or a
 * terminate passes them.
 */
export class BulkTurns {
  readonly #unsentBytes: () => number;
  readonly #waiting: Waiting[] = [];
  #expectedBytes = 0;
  #isClosed = false;

  constructor(unsentBytes: () => number) {
    this.#unsentBytes = unsentBytes;
  }

  /** Does the work now if there is room and nobody is before it, else when its turn has come. */
  run<M extends Method, T>(method: M, params: Params<M>, work: () => T): T | Promise<T> {
    if (this.#isClosed) throw gone();
    sharers.add(this);
    const size = { bytes: bytesOf(method, params), mayHang: method.startsWith("fs/") };
    if (this.#waiting.length === 0 && this.#hasRoomFor(size.bytes)) return this.#begin(size, work);
    return new Promise<T>((resolve, reject) => {
      const start = () => resolve(this.#begin(size, async () => work()));
      this.#waiting.push({ bytes: size.bytes, start, refuse: reject });
    });
  }

  /** Something has left for the client. */
  goOn(): void {
    for (
      let next = this.#waiting[0];
      next && this.#hasRoomFor(next.bytes);
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      next.start();
    }
  }

  /** The client is gone: nothing is read for it any more. */
  close(): void {
    this.#isClosed = true;
    sharers.delete(this);
    for (const { refuse } of this.#waiting.splice(0)) refuse(gone());
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#isIdle) return true;
    const taken = this.takenBytes;
    if (taken + bytes > outboundBytesHold) return false;
    return taken + bytes <= outboundBytesHoldFree || isRoomForAll(bytes);
  }

  /**
   * Whoever waits goes on when an answer of this connection has been made, or when the kernel has
   * taken what it had not taken at once. Where neither is to come nobody may wait: what is unsent
   * then is that of this turn, which is no more than one write.
   */
  get #isIdle(): boolean {
    return this.#expectedBytes === 0 && this.#unsentBytes() <= sendBytesMax;
  }

  /** What waits to be read and what is about to. */
  get takenBytes(): number {
    return this.#unsentBytes() + this.#expectedBytes;
  }

  /** What is there at once is sent at once, and is among the unsent bytes before anybody looks. */
  #begin<T>(size: Size, work: () => T): T {
    const outcome = work();
    if (outcome instanceof Promise) this.#expect(outcome, size);
    return outcome;
  }

  #expect(outcome: Promise<unknown>, { bytes, mayHang }: Size): void {
    this.#expectedBytes += bytes;
    let isOver = false;
    const over = () => {
      clearTimeout(stall);
      if (isOver) return;
      isOver = true;
      this.#expectedBytes -= bytes;
      this.goOn();
    };
    // One that hangs in a dead mount gives nothing, and must not keep the others waiting.
    const stall = mayHang ? setTimeout(over, bulkStallMs) : undefined;
    // The answer is sent by those who wait for the outcome: then it is among the unsent bytes.
    const afterSending = () => process.nextTick(over);
    outcome.then(afterSending, afterSending);
  }
}

function isRoomForAll(bytes: number): boolean {
  let taken = bytes;
  for (const { takenBytes } of sharers) taken += takenBytes;
  return taken <= outboundBytesHoldTotal;
}

const gone = () => invalidRequest("the connection was closed before the answer was made");

function bytesOf<M extends Method>(method: M, params: Params<M>): number {
  const expected = expectedBytes.get(method) ?? 0;
  const { maxBytes } = (params ?? {}) as { readonly maxBytes?: number | null };
  return Math.min(maxBytes ?? expected, expected);
}
