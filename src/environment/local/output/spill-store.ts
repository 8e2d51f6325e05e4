import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closedOutputBytesMax,
  receivedOutputBytesMax,
  spareSpillBlocksMax,
  spillBlockBytes,
  spilledOutputBytesMax,
  spilledOutputTotalBytesMax,
  spillQueueBytesMax,
} from "../../../limits.ts";
import { messageOf } from "../../../protocol/errors.ts";
import { isDescriptorShortage } from "../../../protocol/shortages.ts";
import { ClosedLogs } from "./closed-logs.ts";

export interface SpillOptions {
  /**
   * Directory of the files, which are unnamed. The system's directory for temporary files when
   * absent.
   */
  readonly directory?: string | undefined;
  /** Output of one process on disk; 256 MiB when absent. */
  readonly bytesMax?: number | undefined;
  /** The same while a client receives the output; 32 MiB when absent. */
  readonly receivedBytesMax?: number | undefined;
  /** Output of all processes on disk; 4 GiB when absent. */
  readonly totalBytesMax?: number | undefined;
  /** Output of all closed processes in memory; 64 MiB when absent. */
  readonly closedBytesMax?: number | undefined;
  /** Size of one write; 256 KiB when absent. Must hold a chunk. */
  readonly blockBytes?: number | undefined;
  /** Bytes that may wait for the disk before a process is paused; 8 MiB when absent. */
  readonly queueBytesMax?: number | undefined;
  /** Called once for each process whose older output cannot be kept on disk. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** Accounts for the disk space that the output of processes may take, and opens its files. */
export class SpillStore {
  readonly blockBytes: number;
  readonly queueBytesMax: number;
  /** Blocks of one process on disk. */
  readonly blocksMax: number;
  /** The same while a client receives its output. */
  readonly receivedBlocksMax: number;
  readonly closedLogs: ClosedLogs;
  readonly #directory: string;
  readonly #warn: (text: string) => void;
  readonly #spare: Buffer[] = [];
  #blocksFree: number;

  constructor(options: SpillOptions = {}) {
    this.blockBytes = options.blockBytes ?? spillBlockBytes;
    this.queueBytesMax = options.queueBytesMax ?? spillQueueBytesMax;
    this.blocksMax = Math.floor((options.bytesMax ?? spilledOutputBytesMax) / this.blockBytes);
    const receivedBytesMax = options.receivedBytesMax ?? receivedOutputBytesMax;
    this.receivedBlocksMax = Math.min(
      Math.floor(receivedBytesMax / this.blockBytes),
      this.blocksMax,
    );
    const totalBytesMax = options.totalBytesMax ?? spilledOutputTotalBytesMax;
    this.#blocksFree = Math.floor(totalBytesMax / this.blockBytes);
    this.closedLogs = new ClosedLogs(options.closedBytesMax ?? closedOutputBytesMax);
    this.#directory = options.directory ?? tmpdir();
    this.#warn = options.warn ?? (() => {});
  }

  /** Takes the space of one block; false when none is left. */
  take(): boolean {
    if (this.#blocksFree === 0) return false;
    this.#blocksFree--;
    return true;
  }

  giveBack(blocks: number): void {
    this.#blocksFree += blocks;
  }

  buffer(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  /** Keeps a buffer for reuse; nothing may refer to it any more. */
  recycle(buffer: Buffer): void {
    if (this.#spare.length < spareSpillBlocksMax) this.#spare.push(buffer);
  }

  /** Opens a file that no other process can open and that is gone however this server ends. */
  async openFile(): Promise<FileHandle> {
    try {
      return await open(this.#directory, unnamedFile, 0o600);
    } catch (error) {
      if (isDescriptorShortage(error)) throw error;
      // Some file systems, and all systems but Linux, have no unnamed files.
      return openAndUnlink(join(this.#directory, `codex-output-${randomUUID()}`));
    }
  }

  warn(error: unknown): void {
    this.#warn(
      `output of a process cannot be kept on disk, older output is dropped: ${messageOf(error)}`,
    );
  }
}

/** O_TMPFILE of Linux, which Node does not name. */
const tmpFile = 0o20000000 | constants.O_DIRECTORY;
const unnamedFile = constants.O_RDWR | tmpFile;

async function openAndUnlink(path: string): Promise<FileHandle> {
  const file = await open(path, "wx+", 0o600);
  try {
    await unlink(path);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}
