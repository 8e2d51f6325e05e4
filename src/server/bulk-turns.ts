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

/** All connections that have asked for large answers: they share the memory for them. */
const allTurns = new Set<BulkTurns>();

/**
 * Holds back requests of one connection whose answers can be large until there is room for those
 * answers. So a client that asks for much and reads slowly costs little memory, and still gets
 * everything. All connections together have a bound as well; near it each gets less at a time.
 * Other requests are never held back: a keystroke or a terminate overtakes the large ones.
 */
export class BulkTurns {
  readonly #unsentBytes: () => number;
  readonly #waiting: Waiting[] = [];
  #expectedBytes = 0;
  #isClosed = false;

  constructor(unsentBytes: () => number) {
    this.#unsentBytes = unsentBytes;
  }

  /** Does the work at once if there is room and no request waits, else when its turn comes. */
  run<M extends Method, T>(method: M, params: Params<M>, work: () => T): T | Promise<T> {
    if (this.#isClosed) throw gone();
    allTurns.add(this);
    const size = { bytes: bytesOf(method, params), mayHang: method.startsWith("fs/") };
    if (this.#waiting.length === 0 && this.#hasRoomFor(size.bytes)) return this.#begin(size, work);
    return new Promise<T>((resolve, reject) => {
      const start = () => resolve(this.#begin(size, async () => work()));
      this.#waiting.push({ bytes: size.bytes, start, refuse: reject });
    });
  }

  /** To be called when unsent bytes have left: starts the requests that now have room. */
  goOn(): void {
    while (this.#waiting[0] && this.#hasRoomFor(this.#waiting[0].bytes)) {
      this.#waiting.shift()?.start();
    }
  }

  /** The client is gone: rejects the requests that still wait. */
  close(): void {
    this.#isClosed = true;
    allTurns.delete(this);
    for (const { refuse } of this.#waiting.splice(0)) refuse(gone());
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#isIdle) return true;
    const taken = this.takenBytes;
    if (taken + bytes > outboundBytesHold) return false;
    return taken + bytes <= outboundBytesHoldFree || isRoomForAll(bytes);
  }

  /**
   * A waiting request is started by the end of another one, or by `goOn` when the kernel has taken
   * unsent bytes. When neither can come, a request must not wait, or it would wait for ever: then
   * the unsent bytes are those of this turn, at most one write.
   */
  get #isIdle(): boolean {
    return this.#expectedBytes === 0 && this.#unsentBytes() <= sendBytesMax;
  }

  /** Unsent bytes, and those expected of requests under way. */
  get takenBytes(): number {
    return this.#unsentBytes() + this.#expectedBytes;
  }

  /** An answer that is there at once is sent at once, and counts as unsent from then on. */
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
    // A request that hangs in a dead mount must not keep the others waiting.
    const stall = mayHang ? setTimeout(over, bulkStallMs) : undefined;
    // The answer is sent in a reaction to this promise: after that it counts as unsent.
    const afterSending = () => process.nextTick(over);
    outcome.then(afterSending, afterSending);
  }
}

function isRoomForAll(bytes: number): boolean {
  let taken = bytes;
  for (const { takenBytes } of allTurns) taken += takenBytes;
  return taken <= outboundBytesHoldTotal;
}

const gone = () => invalidRequest("the connection was closed before the answer was made");

function bytesOf<M extends Method>(method: M, params: Params<M>): number {
  const expected = expectedBytes.get(method) ?? 0;
  const { maxBytes } = (params ?? {}) as { readonly maxBytes?: number | null };
  return Math.min(maxBytes ?? expected, expected);
}
