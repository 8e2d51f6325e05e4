import { Buffer } from "node:buffer";
import { write } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { settledWithin } from "../async/settled-within.ts";
import { fullStderrWaitMs, logBacklogBytesMax, shutdownGraceMs } from "../limits.ts";

const writeLater = promisify(write);
const stderrFd = 2;

/**
 * Writes to stderr on a thread: a write blocks on a pipe without a reader, or on a terminal that
 * was stopped by Ctrl-S or lost its connection, and the server must not. Failed writes are retried
 * with the next line, because a full disk may get room again.
 */
export class StderrWriter {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;

  /** Queues a line, or drops it when too much waits. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length <= logBacklogBytesMax) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
    void this.#begin();
  }

  /** Waits until the lines are written, but not for a reader that does not read. */
  async close(): Promise<void> {
    await settledWithin(this.#begin(), shutdownGraceMs);
  }

  #begin(): Promise<void> {
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = Buffer.concat(this.#waiting);
      this.#waiting = [bytes];
      try {
        const { bytesWritten } = await writeLater(stderrFd, bytes);
        this.#waiting[0] = bytes.subarray(bytesWritten);
        this.#waitingBytes -= bytesWritten;
        if (bytesWritten === bytes.length) this.#waiting.shift();
      } catch (error) {
        // The reader of stderr has gone, or the disk is full: no reason to end the server.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
        await setTimeout(fullStderrWaitMs);
      }
    }
  }
}
