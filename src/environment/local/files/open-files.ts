/**
 * The open files of one connection, by the ids that the client chose. The caller keeps the order of
 * calls for one handle. This file sees to it that no descriptor is closed during a read, which
 * could then read another file that got the same number.
 */
import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { fileBlockBytesMax, fileHandleIdBytesMax, spareBlocksMax } from "../../../limits.ts";
import { Base64Bytes } from "../../../protocol/base64.ts";
import {
  internalError,
  invalidRequest,
  notFound,
  systemErrorText,
} from "../../../protocol/errors.ts";
import type { Answer, MaybePromise, Params } from "../../../protocol/methods.ts";
import { hostPath } from "../../../protocol/path-uri.ts";
import type { FileAnswers } from "../../file-system.ts";
import { closeFile, identifyFile, readAt, writeAt } from "./calls/file-calls.ts";
import { atPlace } from "./calls/no-follow.ts";
import { type Opening, openForReading, openForWriting, openPresent } from "./calls/open-file.ts";
import { begin, type Steps, settled } from "./calls/steps.ts";
import { decoded, releaseDecoded } from "./decoded-content.ts";

export interface OpenFiles
  extends Pick<FileAnswers, "open" | "readBlock" | "writeBlock" | "close"> {
  /** Whether a file is open, or being opened, under this id. */
  holds(handleId: string): boolean;
  /** How many files are open or being opened. */
  countOpen(): number;
  /** Closes every file, also those that are being opened. Must be the last call. */
  closeAll(): Promise<void>;
}

export const openFiles = (): OpenFiles => {
  const handles = new Handles();
  return {
    async open({ handleId, identify, ...file }) {
      await handles.add(handleId, () => openAs(file));
      return identify ? { handleId, file: await identified(handles, handleId) } : { handleId };
    },
    readBlock: (params) => begin(readingBlock(handles, params)),
    writeBlock: (params) => begin(writingBlock(handles, params)),
    async close({ handleId }) {
      refuseLongId(handleId);
      await handles.close(handleId);
      return {};
    },
    holds: (handleId) => handles.has(handleId),
    countOpen: () => handles.count,
    closeAll: () => handles.closeAll(),
  };
};

async function openAs(file: Omit<Params<"fs/open">, "handleId">): Promise<number> {
  const named = hostPath(file.path);
  const opened = await atPlace(file, (path, flags) => openingAs[file.mode]({ path, flags, named }));
  return opened.fd;
}

const openingAs = {
  read: openForReading,
  replace: ({ flags, ...opening }: Required<Opening>) =>
    openForWriting({ ...opening, flags: flags | constants.O_TRUNC }),
  resume: openPresent,
};

/** The time of birth is part of the id, because an inode is soon reused for another file. */
async function identified(handles: Handles, handleId: string) {
  const stats = await handles.use(handleId, (fd) => settled(identifyFile(fd)));
  const { dev, ino, birthtimeNs, size } = stats;
  return { id: `${dev}:${ino}:${birthtimeNs}`, size: Number(size) };
}

/** A read that fails closes the handle, as in the reference. */
function* readingBlock(handles: Handles, params: Params<"fs/readBlock">) {
  const { handleId, offset, len } = params;
  refuseBlockLength(len, "read");
  try {
    return yield* settled(handles.use(handleId, (fd) => readBlock(fd, offset, len)));
  } catch (error) {
    yield* settled(handles.close(handleId));
    throw error;
  }
}

function* writingBlock(handles: Handles, { handleId, offset, chunk }: Params<"fs/writeBlock">) {
  const bytes = decoded(chunk, "fs/writeBlock requires valid base64 chunk");
  refuseBlockLength(bytes.length, "write");
  refuseFarOffset(offset, bytes.length);
  yield* settled(handles.use(handleId, (fd) => settled(writeAt(fd, bytes, offset))));
  releaseDecoded(chunk);
  return {};
}

/** `fd` is a promise while the file is being opened; `busy` settles after the last use of it. */
interface Handle {
  fd: MaybePromise<number>;
  busy: Promise<unknown>;
}

class Handles {
  readonly #handles = new Map<string, Handle>();
  #closed = false;

  get count(): number {
    return this.#handles.size;
  }

  has(id: string): boolean {
    return this.#handles.has(id);
  }

  /** Opens a file. The id is taken as soon as this is called. */
  async add(id: string, open: () => Promise<number>): Promise<void> {
    refuseLongId(id);
    if (this.#closed) throw invalidRequest("the connection is closed");
    if (this.#handles.has(id)) throw invalidRequest(`file handle \`${id}\` already exists`);
    const opening = open();
    const handle: Handle = { fd: opening, busy: opening };
    this.#handles.set(id, handle);
    try {
      handle.fd = await opening;
    } catch (error) {
      this.#handles.delete(id);
      throw error;
    }
  }

  use<T>(id: string, work: (fd: number) => Steps<T>): MaybePromise<T> {
    const handle = this.#handles.get(id);
    if (!handle) throw notFound(`unknown file handle \`${id}\``);
    const result = begin(workOn(handle, work));
    if (result instanceof Promise) handle.busy = Promise.allSettled([handle.busy, result]);
    return result;
  }

  /** Rejects when the system reports only now that written data is lost. */
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
    // The connection has ended, so failures are not reported.
    await Promise.allSettled([...this.#handles.keys()].map((id) => this.close(id)));
  }
}

function* workOn<T>(handle: Handle, work: (fd: number) => Steps<T>): Steps<T> {
  return yield* work(yield* settled(handle.fd));
}

/** Memory of blocks that were read, for reuse: allocating a new MiB takes as long as reading it. */
const spareBlocks: Buffer[] = [];

type Block = Answer<"fs/readBlock">;

/**
 * Reads until the block is full, because a short read does not mean the end in every kind of file.
 */
function* readBlock(fd: number, offset: number, length: number): Steps<Block> {
  const memory = spareBlocks.pop() ?? Buffer.allocUnsafeSlow(fileBlockBytesMax);
  const block = memory.subarray(0, length);
  let count = 0;
  // Node refuses positions beyond exact integers, which no file reaches.
  while (count < length && Number.isSafeInteger(offset + count)) {
    const read = yield* settled(readAt(fd, block.subarray(count), offset + count));
    if (read === 0) break;
    count += read;
  }
  const release = () => {
    if (spareBlocks.length < spareBlocksMax) spareBlocks.push(memory);
  };
  return { chunk: new Base64Bytes(block.subarray(0, count), release), eof: count < length };
}

function refuseLongId(id: string): void {
  if (Buffer.byteLength(id) > fileHandleIdBytesMax) {
    throw invalidRequest(`file handle ID must not exceed ${fileHandleIdBytesMax} bytes`);
  }
}

function refuseBlockLength(length: number, operation: "read" | "write"): void {
  if (length < 1 || length > fileBlockBytesMax) {
    throw invalidRequest(
      `file ${operation} block length must be between 1 and ${fileBlockBytesMax}`,
    );
  }
}

function refuseFarOffset(offset: number, length: number): void {
  if (offset + length >= 2 ** 63) {
    throw invalidRequest("file write range exceeds the signed 64-bit file offset limit");
  }
  // Node would write at the current position instead.
  if (!Number.isSafeInteger(offset + length)) throw internalError(systemErrorText("EFBIG", 27));
}
