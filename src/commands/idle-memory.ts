import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { returnFreedMemory } from "../environment/local/spawn/freed-memory.ts";
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
 * Nearly all objects of a flood of output die at once. By default V8 would grow the two halves of
 * its young generation to 16 MiB each; without that the peak of memory falls by a quarter, at no
 * cost in time.
 */
function stopYoungGenerationGrowth(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Gives memory back when the server has nothing to do. V8 collects garbage because something is
 * allocated, not because nothing is: a server that had been busy kept up to 60 MiB of dead buffers
 * for as long as nobody wanted anything of it.
 */
function returnMemoryWhenIdle(): void {
  const idleMemory = new IdleMemory();
  setInterval(() => idleMemory.look(), idleLookIntervalMs).unref();
}

/** Checks, each time `look` is called, whether there is memory to give back. */
export class IdleMemory {
  #utilization = performance.eventLoopUtilization();
  readonly #usedBytesAtFirst = usedBytes() ?? 0;
  /** The least that was found since the last collection. */
  #usedBytesMin = this.#usedBytesAtFirst;
  #usedBytesLast = this.#usedBytesAtFirst;
  /** Looks since the server was last idle, and since it last was not. */
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
    // Buffers are freed on a thread after the collection, and then lie free until the next look.
    this.#isToReturn = isCollected;
  }

  /**
   * What was in use after the last collection may be needed still, until all has expired that the
   * work has left.
   */
  #usedBytesNeeded(): number {
    return ++this.#idleLooks === expiredLooks ? this.#usedBytesAtFirst : this.#usedBytesMin;
  }

  /** Since the last look. */
  #wasIdle(): boolean {
    const last = this.#utilization;
    this.#utilization = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(this.#utilization, last);
    return utilization <= idleLoopShareMax;
  }
}

/**
 * With what is dead and has not been collected. V8's own count of memory outside of its heap still
 * has in it what the last collection has freed. Nobody knows without a free descriptor: Node also
 * reads a file for it.
 */
function usedBytes(): number | undefined {
  try {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  } catch {
    return undefined;
  }
}

/** Node has the function only for those who ask for it by a flag. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  setFlagsFromString("--no-expose-gc");
}
