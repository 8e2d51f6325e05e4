import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { returnFreedMemory } from "../environment/local/libc/freed-memory.ts";
import {
  busyLooksMax,
  collectedBytesMin,
  expiredLooks,
  idleLookIntervalMs,
  idleLoopShareMax,
  returnedBytesMin,
} from "../limits.ts";

/**
 * Keeps a server's memory small. To be called after the start, which some of it would slow down.
 */
export function saveMemory(): void {
  stopYoungGenerationGrowth();
  returnMemoryWhenIdle();
}

/**
 * Nearly all objects in a flood of output are short-lived. By default V8 would grow both halves of
 * its young generation to 16 MiB; without that, peak memory falls by a quarter at no cost in time.
 */
function stopYoungGenerationGrowth(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Returns memory to the system when the server is idle. V8 collects garbage only on allocation: a
 * server that had been busy kept up to 60 MiB of dead buffers while it was idle.
 */
function returnMemoryWhenIdle(): void {
  const idleMemory = new IdleMemory();
  setInterval(() => idleMemory.look(), idleLookIntervalMs).unref();
}

/** On each call of `look`, checks whether memory can be returned. */
export class IdleMemory {
  #utilization = performance.eventLoopUtilization();
  readonly #usedBytesAtFirst = usedBytes() ?? 0;
  /** The minimum since the last collection. */
  #usedBytesMin = this.#usedBytesAtFirst;
  #usedBytesLast = this.#usedBytesAtFirst;
  /** Number of looks since the server was last idle, and since it was last busy. */
  #busyLooks = 0;
  #idleLooks = 0;
  #isToReturn = false;

  look(): void {
    const used = usedBytes();
    if (used === undefined) return;
    this.#usedBytesMin = Math.min(this.#usedBytesMin, used);
    if (this.#wasIdle()) this.#lookAtRest(used);
    else this.#lookAtWork();
    this.#usedBytesLast = usedBytes() ?? used;
  }

  #lookAtWork(): void {
    this.#idleLooks = 0;
    this.#isToReturn = true;
    if (++this.#busyLooks % busyLooksMax === 0) void returnFreedMemory();
  }

  #lookAtRest(used: number): void {
    this.#busyLooks = 0;
    const isCollected = used - this.#usedBytesNeeded() >= collectedBytesMin;
    if (isCollected) {
      collectGarbage();
      this.#usedBytesMin = usedBytes() ?? used;
    }
    // V8 also collects by itself when there is little to do.
    const hasFallen = this.#usedBytesLast - used >= returnedBytesMin;
    if (this.#isToReturn || isCollected || hasFallen) void returnFreedMemory();
    // V8 frees buffers on a thread after the collection, so they can be returned at the next look.
    this.#isToReturn = isCollected;
  }

  /**
   * The bytes presumed to be needed: those after the last collection, until everything that the
   * work left behind has expired.
   */
  #usedBytesNeeded(): number {
    return ++this.#idleLooks === expiredLooks ? this.#usedBytesAtFirst : this.#usedBytesMin;
  }

  /** Whether the event loop was idle since the last look. */
  #wasIdle(): boolean {
    const last = this.#utilization;
    this.#utilization = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(this.#utilization, last);
    return utilization <= idleLoopShareMax;
  }
}

/**
 * Memory in use, including uncollected garbage. V8's `external` still counts what the last
 * collection freed. Undefined without a free descriptor, because Node also reads a file for it.
 */
function usedBytes(): number | undefined {
  try {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  } catch {
    return undefined;
  }
}

/** Node offers `gc` only with a flag. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  setFlagsFromString("--no-expose-gc");
}
