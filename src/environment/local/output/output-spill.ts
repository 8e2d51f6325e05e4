/**
 * The older output of one process: an unlinked file that is a ring of blocks. Retained output
 * always ends with the newest and has no gaps, so a limit or a failure drops the oldest.
 */
import { Buffer } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { spillRetryBytes } from "../../../limits.ts";
import { isDescriptorShortage } from "../../../protocol/shortages.ts";
import { ChunkBlock, unpackedChunks } from "./chunk-block.ts";
import { firstBehind } from "./first-behind.ts";
import type { Chunk } from "./output-run.ts";
import type { SpillStore } from "./spill-store.ts";

export class OutputSpill {
  readonly #store: SpillStore;
  readonly #onRoom: () => void;
  /** Oldest first: blocks on disk, blocks that wait to be written, the one being filled. */
  readonly #blocks: ChunkBlock[] = [];
  #waiting: ChunkBlock[] = [];
  #filling: ChunkBlock | undefined;
  #file: Promise<FileHandle> | undefined;
  #slotsTaken = 0;
  #freeSlots: number[] = [];
  /** Bytes of output until a new block is taken from the disk again. */
  #retryBytes = 0;
  #hasWarned = false;
  #isWriting = false;
  #isBehind = false;
  #isClosed = false;
  #slotsMax: number;
  #droppedBytes = 0;

  /** `onRoom` is called when the disk has caught up after `isBehind` was true. */
  constructor(store: SpillStore, isReceived: boolean, onRoom: () => void) {
    this.#store = store;
    this.#slotsMax = isReceived ? store.receivedBlocksMax : store.blocksMax;
    this.#onRoom = onRoom;
  }

  /** Number of the newest chunk, 0 when there is none. */
  get lastSeq(): number {
    return this.#blocks.at(-1)?.lastSeq ?? 0;
  }

  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /** Whether the disk is behind the process, and too many blocks wait for it. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Whether a client receives the output: then no more blocks need to be kept than there are. */
  setReceived(isReceived: boolean): void {
    const { blocksMax, receivedBlocksMax } = this.#store;
    const keptMax = Math.max(receivedBlocksMax, this.#blocks.length);
    this.#slotsMax = isReceived ? Math.min(keptMax, blocksMax) : blocksMax;
  }

  push(chunk: Chunk): void {
    this.#retryBytes = Math.max(0, this.#retryBytes - chunk.bytes.length);
    if (this.#isClosed || (this.#retryBytes > 0 && this.#slotsTaken === 0)) {
      this.clear();
      this.#droppedBytes += chunk.bytes.length;
      return;
    }
    if (this.#filling?.add(chunk)) return;
    if (this.#filling) this.#enqueue(this.#filling);
    this.#filling = new ChunkBlock(this.#store.buffer(), chunk.seq);
    this.#filling.add(chunk);
    this.#blocks.push(this.#filling);
  }

  /** Writes the last block although it is not full: no output follows. */
  finish(): void {
    if (this.#filling) this.#enqueue(this.#filling);
    this.#filling = undefined;
  }

  /** The oldest chunks with a greater number than `seq`, at most those of one block. */
  async after(seq: number): Promise<Chunk[]> {
    const block = this.#blocks[firstBehind(seq, this.#blocks)];
    if (block === undefined) return [];
    // A copy, because the memory is used again when the block has been written.
    if (block.memory) {
      return unpackedChunks(Buffer.from(block.memory.subarray(0, block.usedBytes)), seq);
    }
    const packed = await this.#readBlock(block);
    return packed === undefined ? [] : unpackedChunks(packed, seq);
  }

  /** Drops everything. Its space on the disk is reused. */
  clear(): void {
    this.#dropUpTo(this.#blocks.at(-1));
  }

  /** Drops everything and closes the file, which frees the disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.clear();
    this.#giveBackSlots();
    await (await this.#file?.catch(alreadyWarned))?.close();
  }

  #enqueue(block: ChunkBlock): void {
    this.#waiting.push(block);
    const { blockBytes, queueBytesMax } = this.#store;
    if (this.#waiting.length * blockBytes > queueBytesMax) this.#isBehind = true;
    if (!this.#isWriting) void this.#writeWaiting();
  }

  /** Writes blocks one by one, so that when one fails all older ones are on disk or dropped. */
  async #writeWaiting(): Promise<void> {
    this.#isWriting = true;
    for (let next = this.#waiting[0]; next && !this.#isClosed; next = this.#waiting[0]) {
      await this.#write(next);
      this.#waiting.shift();
      this.#reportRoom();
    }
    this.#isWriting = false;
  }

  async #write(block: ChunkBlock): Promise<void> {
    if (block.isDropped) return;
    const slot = this.#takeSlot();
    if (slot === undefined) return this.#dropUpTo(block);
    try {
      await this.#writeTo(slot, block);
    } catch (error) {
      if (!this.#isClosed) await this.#writeElsewhere(block, error);
    }
  }

  async #writeTo(slot: number, block: ChunkBlock): Promise<void> {
    const { memory, written } = block;
    if (memory === undefined || written === undefined) return;
    const file = await this.#opened();
    const start = slot * this.#store.blockBytes;
    for (let at = 0; at < written.length; ) {
      at += (await file.write(written, at, written.length - at, start + at)).bytesWritten;
    }
    block.memory = undefined;
    block.slot = slot;
    this.#store.recycle(memory);
    if (block.isDropped) this.#freeSlots.push(slot);
  }

  async #opened(): Promise<FileHandle> {
    this.#file ??= this.#store.openFile();
    try {
      return await this.#file;
    } catch (error) {
      // A later block tries again.
      this.#file = undefined;
      throw error;
    }
  }

  /**
   * After a failed write, writes the block over the oldest one: that space exists on a full disk,
   * too.
   */
  async #writeElsewhere(block: ChunkBlock, error: unknown): Promise<void> {
    this.#warn(error);
    this.#retryBytes = isDescriptorShortage(error) ? 0 : spillRetryBytes;
    this.#slotsTaken--;
    this.#store.giveBack(1);
    const slot = this.#takeSlot();
    try {
      if (slot === undefined) this.#dropUpTo(block);
      else await this.#writeTo(slot, block);
    } catch {
      // It failed where a write had succeeded before: this disk can keep nothing now.
      this.#dropUpTo(block);
      this.#giveBackSlots();
    }
  }

  #giveBackSlots(): void {
    this.#store.giveBack(this.#slotsTaken);
    this.#slotsTaken = 0;
    this.#freeSlots = [];
  }

  /** Returns a free slot of the file, a new one, or that of the oldest block, which is dropped. */
  #takeSlot(): number | undefined {
    const free = this.#freeSlots.pop();
    if (free !== undefined) return free;
    const canGrow = this.#retryBytes === 0 && this.#slotsTaken < this.#slotsMax;
    if (canGrow && this.#store.take()) return this.#slotsTaken++;
    if (this.#blocks[0]?.slot === undefined) return undefined;
    this.#drop();
    return this.#freeSlots.pop();
  }

  async #readBlock(block: ChunkBlock): Promise<Buffer | undefined> {
    const { usedBytes, slot = 0 } = block;
    try {
      const packed = Buffer.allocUnsafeSlow(usedBytes);
      const file = await this.#file;
      const start = slot * this.#store.blockBytes;
      const read = await file?.read(packed, 0, usedBytes, start);
      if (read?.bytesRead !== usedBytes) throw new Error("a file of output lost its end");
      // Its slot may have been reused during the read.
      return block.isDropped ? undefined : packed;
    } catch (error) {
      if (!block.isDropped) this.#warn(error);
      this.#dropUpTo(block);
      return undefined;
    }
  }

  /** Warns once for each process. */
  #warn(error: unknown): void {
    if (!this.#hasWarned) this.#store.warn(error);
    this.#hasWarned = true;
  }

  #dropUpTo(block: ChunkBlock | undefined): void {
    while (block && !block.isDropped) this.#drop();
  }

  #drop(): void {
    const oldest = this.#blocks.shift();
    if (oldest === undefined) return;
    oldest.isDropped = true;
    this.#droppedBytes += oldest.outputBytes;
    if (oldest.slot !== undefined) this.#freeSlots.push(oldest.slot);
    if (oldest === this.#filling) this.#filling = undefined;
  }

  #reportRoom(): void {
    const { blockBytes, queueBytesMax } = this.#store;
    if (!this.#isBehind || this.#waiting.length * blockBytes * 2 > queueBytesMax) return;
    this.#isBehind = false;
    this.#onRoom();
  }
}

/** The write that needed the file has warned that it cannot be opened. */
const alreadyWarned = () => undefined;
