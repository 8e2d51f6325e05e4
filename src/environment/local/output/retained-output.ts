import { Buffer } from "node:buffer";
import { giveBackReadMemory } from "../spawn/start/read-memory.ts";
import { ChunkWindow } from "./chunk-window.ts";
import type { LogPart } from "./log-part.ts";
import type { OutputLogBounds } from "./output-log-bounds.ts";
import type { Chunk, OutputRun } from "./output-run.ts";
import { OutputSpill } from "./output-spill.ts";
import { ConfirmedEvents, type Receipts } from "./receipts.ts";
import type { SpillStore } from "./spill-store.ts";

export interface RetainedOutputOptions {
  /** Where output goes when memory is full; without it, the oldest output is dropped. */
  readonly spill?: SpillStore | undefined;
  /** How far the receiver has come. Without it nothing counts as arrived. */
  readonly receipts?: (() => Receipts | undefined) | undefined;
  /** Called when the disk has caught up after `isBehind` was true. */
  readonly onRoom?: (() => void) | undefined;
}

/**
 * The retained output of one process: the newest in memory, and older output, which no client is
 * known to have received, on disk. What is retained always ends with the newest and has no gaps.
 */
export class RetainedOutput {
  readonly #bounds: OutputLogBounds;
  readonly #options: RetainedOutputOptions;
  readonly #window: ChunkWindow;
  readonly #confirmed: ConfirmedEvents;
  #spill: OutputSpill | undefined;
  #isReceived = true;
  #enteredBytes = 0;
  #droppedBytes = 0;

  constructor(bounds: OutputLogBounds, options: RetainedOutputOptions) {
    this.#bounds = bounds;
    this.#options = options;
    this.#window = new ChunkWindow(bounds);
    this.#confirmed = new ConfirmedEvents(options.receipts);
  }

  /** Number of the newest chunk, 0 when there is none in memory. */
  get lastSeq(): number {
    return this.#window.lastSeq;
  }

  get memoryBytes(): number {
    return this.#window.bytes;
  }

  get droppedBytes(): number {
    return this.#droppedBytes + (this.#spill?.droppedBytes ?? 0);
  }

  /** Whether too many blocks wait for the disk. */
  get isBehind(): boolean {
    return this.#spill?.isBehind ?? false;
  }

  /** Whether a client receives the output as it comes. True at first. */
  setReceived(isReceived: boolean): void {
    if (isReceived === this.#isReceived) return;
    this.#isReceived = isReceived;
    this.#spill?.setReceived(isReceived);
    if (isReceived) return;
    this.#confirmed.forget();
    this.#trim();
  }

  /** To be called before newer chunks are entered: everything up to `seq` has been sent. */
  sentUpTo(seq: number): void {
    if (this.#isReceived) this.#confirmed.sent(seq);
  }

  enter(run: OutputRun): void {
    this.#enteredBytes += run.bytes.length;
    this.#window.push(run);
    this.#trim();
  }

  /** Moves all chunks from memory to disk. To be called when no output follows. */
  leaveMemory(): void {
    this.setReceived(false);
    for (const chunk of this.#window.drain()) this.#store(chunk);
    this.#spill?.finish();
  }

  /** The output in memory, one char per byte. */
  text(): string {
    return Buffer.concat(Array.from(this.#window.after(0), ({ bytes }) => bytes)).toString(
      "latin1",
    );
  }

  /**
   * Fills a part from disk and then from memory. `use` is called in the same turn in which memory
   * was read, so that no event can come between.
   */
  async filled<T>(part: LogPart, use: () => T): Promise<T> {
    while (!part.isCut && this.#spill && this.#spill.lastSeq > part.lastSeq) {
      part.take(await this.#spill.after(part.lastSeq));
    }
    if (!part.isCut) part.take(this.#window.after(part.lastSeq));
    return use();
  }

  /** Frees all output. To be called when no client will read it any more. */
  async dispose(): Promise<void> {
    this.#window.drain();
    await this.#spill?.close();
  }

  /**
   * Removes the oldest chunks from memory. In a flood, chunks that the receiver has confirmed are
   * dropped, and those it may soon confirm stay: writing all of them to disk took a quarter of the
   * time.
   */
  #trim(): void {
    if (!this.#window.exceeds(0)) return;
    const isFlood = this.#enteredBytes > this.#bounds.confirmedBytesMax;
    const confirmedSeq = isFlood && this.#isReceived ? this.#confirmed.lastSeq : 0;
    while (this.#window.exceeds(0)) {
      if (this.#window.oldestSeq <= confirmedSeq) this.#dropOldest();
      else if (isFlood && this.#mayWait()) return;
      else this.#storeOldest();
    }
  }

  #mayWait(): boolean {
    if (!this.#isReceived || !this.#confirmed.isAnswered) return false;
    return !this.#window.exceeds(this.#bounds.unconfirmedBytesMax);
  }

  /** Drops the oldest chunk in memory and, so that no gap remains, everything on disk. */
  #dropOldest(): void {
    this.#spill?.clear();
    this.#droppedBytes += this.#window.takeOldest(this.#giveBack);
  }

  #storeOldest(): void {
    const oldest = this.#window.oldest;
    if (oldest) this.#store(oldest);
    this.#window.takeOldest(this.#giveBack);
  }

  /**
   * While the output is received as it comes, nothing else refers to its memory. Chunks that are
   * sent later, to a client that catches up, may still be in use.
   */
  readonly #giveBack = ({ bytes }: OutputRun) => {
    if (this.#isReceived) giveBackReadMemory(bytes.buffer);
  };

  #store(chunk: Chunk): void {
    this.#spill ??= this.#openSpill();
    if (this.#spill) this.#spill.push(chunk);
    else this.#droppedBytes += chunk.bytes.length;
  }

  #openSpill(): OutputSpill | undefined {
    const { spill, onRoom = () => {} } = this.#options;
    return spill && new OutputSpill(spill, this.#isReceived, onRoom);
  }
}
