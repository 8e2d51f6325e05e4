/** The log of a closed process, as far as it takes memory. */
export interface ClosedLog {
  readonly memoryBytes: number;
  /** Moves its chunks from memory to disk. */
  leaveMemory(): void;
}

/**
 * Bounds the memory of the logs of closed processes, which stay readable for a while. A client that
 * runs hundreds of commands a minute reads them long before they expire.
 */
export class ClosedLogs {
  readonly #bytesMax: number;
  /** Oldest first. */
  readonly #inMemory = new Map<ClosedLog, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get memoryBytes(): number {
    return this.#bytes;
  }

  add(log: ClosedLog): void {
    this.#inMemory.set(log, log.memoryBytes);
    this.#bytes += log.memoryBytes;
    for (const oldest of this.#inMemory.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.delete(oldest);
      oldest.leaveMemory();
    }
  }

  delete(log: ClosedLog): void {
    this.#bytes -= this.#inMemory.get(log) ?? 0;
    this.#inMemory.delete(log);
  }
}
