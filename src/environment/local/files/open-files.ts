/**
 * The open files of one connection, by the ids that the client chose. Whoever calls keeps the order
 * of what is said about one handle; that a file is never closed under a running read, whose number
 * might then belong to another file, is seen to here.
 */
import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import {
  fileBlockBytesMax,
  fileHandleIdBytesMax,
  fileHandlesMax,
  spareBlocksMax,
} from "../../../limits.ts";
import {
  internalError,
  invalidRequest,
  notFound,
  systemErrorText,
} from "../../../protocol/errors.ts";
import { hostPath } from "../../../protocol/path-uri.ts";
import type { FileSystem } from "../../file-system.ts";
import { decoded } from "./decoded-content.ts";
import { closeFile, readAt, writeAt } from "./file-calls.ts";
import { openForReading, openForWriting } from "./open-file.ts";

export interface OpenFiles extends Pick<FileSystem, "open" | "readBlock" | "writeBlock" | "close"> {
  /** Whether a file is open, or being opened, under this id. */
  holds(handleId: string): boolean;
  /** Closes every file, also those that are just being opened; the last thing to call. */
  closeAll(): Promise<void>;
}

/** `handlesMax` bounds the files that are open at once. */
export const openFiles = (handlesMax = fileHandlesMax): OpenFiles => {
  const handles = new Handles(handlesMax);
  return {
    async open({ handleId, path, mode }) {
      await handles.add(handleId, () => openAs(mode, path));
      return { handleId };
    },
    async readBlock({ handleId, offset, len }) {
      refuseBlockLength(len, "read");
      return handles.use(handleId, (fd) => readBlock(fd, offset, len), { closeOnError: true });
    },
    async writeBlock({ handleId, offset, chunk }) {
      const bytes = decoded(chunk, "fs/writeBlock requires valid base64 chunk");
      refuseBlockLength(bytes.length, "write");
      refuseFarOffset(offset, bytes.length);
      await handles.use(handleId, (fd) => writeAt(fd, bytes, offset));
      return {};
    },
    async close({ handleId }) {
      refuseLongId(handleId);
      await handles.close(handleId);
      return {};
    },
    holds: (handleId) => handles.has(handleId),
    closeAll: () => handles.closeAll(),
  };
};

async function openAs(mode: "read" | "replace", uri: string): Promise<number> {
  const path = hostPath(uri);
  const opened =
    mode === "read"
      ? await openForReading({ path })
      : await openForWriting({ path, flags: constants.O_TRUNC });
  return opened.fd;
}

/** One that is still being opened has its descriptor to come; `busy` is the last use of it. */
interface Handle {
  readonly fd: Promise<number>;
  busy: Promise<unknown>;
}

class Handles {
  readonly #handlesMax: number;
  readonly #handles = new Map<string, Handle>();
  #closed = false;

  constructor(handlesMax: number) {
    this.#handlesMax = handlesMax;
  }

  has(id: string): boolean {
    return this.#handles.has(id);
  }

  /** The id counts as taken from the call on, before anything is done to the file. */
  async add(id: string, open: () => Promise<number>): Promise<void> {
    refuseLongId(id);
    if (this.#closed) throw invalidRequest("the connection is closed");
    if (this.#handles.has(id)) throw invalidRequest(`file handle \`${id}\` already exists`);
    if (this.#handles.size >= this.#handlesMax) {
      throw invalidRequest(`at most ${this.#handlesMax} file handles may be open per connection`);
    }
    const fd = open();
    this.#handles.set(id, { fd, busy: fd });
    await fd.catch((error) => {
      this.#handles.delete(id);
      throw error;
    });
  }

  async use<T>(
    id: string,
    work: (fd: number) => Promise<T>,
    { closeOnError = false } = {},
  ): Promise<T> {
    const handle = this.#handles.get(id);
    if (!handle) throw notFound(`unknown file handle \`${id}\``);
    const result = handle.fd.then(work);
    handle.busy = Promise.allSettled([handle.busy, result]);
    try {
      return await result;
    } catch (error) {
      if (closeOnError) await this.close(id);
      throw error;
    }
  }

  /** Fails when the system only now finds out that what was written is lost. */
  async close(id: string): Promise<void> {
    const handle = this.#handles.get(id);
    if (!handle) return;
    this.#handles.delete(id);
    await Promise.allSettled([handle.busy]);
    const [opened] = await Promise.allSettled([handle.fd]);
    if (opened.status === "fulfilled") await closeFile(opened.value);
  }

  async closeAll(): Promise<void> {
    this.#closed = true;
    // Nobody is left who could be told that a close failed.
    await Promise.allSettled([...this.#handles.keys()].map((id) => this.close(id)));
  }
}

/** Memory of blocks that have been read: a new MiB for each costs as much as reading it. */
const spareBlocks: Buffer[] = [];

/** Reads until the block is full, because a short read is not the end of every kind of file. */
async function readBlock(fd: number, offset: number, length: number) {
  const memory = spareBlocks.pop() ?? Buffer.allocUnsafeSlow(fileBlockBytesMax);
  try {
    const block = memory.subarray(0, length);
    let count = 0;
    // No file reaches beyond what numbers are exact for, and Node refuses such a position.
    while (count < length && Number.isSafeInteger(offset + count)) {
      const read = await readAt(fd, block.subarray(count), offset + count);
      if (read === 0) break;
      count += read;
    }
    return { chunk: block.toString("base64", 0, count), eof: count < length };
  } finally {
    if (spareBlocks.length < spareBlocksMax) spareBlocks.push(memory);
  }
}

function refuseLongId(id: string): void {
  if (Buffer.byteLength(id) > fileHandleIdBytesMax) {
    throw invalidRequest(`file handle ID must not exceed ${fileHandleIdBytesMax} bytes`);
  }
}

function refuseBlockLength(length: number, deed: "read" | "write"): void {
  if (length < 1 || length > fileBlockBytesMax) {
    throw invalidRequest(`file ${deed} block length must be between 1 and ${fileBlockBytesMax}`);
  }
}

function refuseFarOffset(offset: number, length: number): void {
  if (offset + length >= 2 ** 63) {
    throw invalidRequest("file write range exceeds the signed 64-bit file offset limit");
  }
  // Node would take such a position for "here".
  if (!Number.isSafeInteger(offset + length)) throw internalError(systemErrorText("EFBIG", 27));
}
