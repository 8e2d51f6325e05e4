import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { FileSystem } from "../environment/file-system.ts";
import { blocksInFlightMax, callRepeatsMax, fileBlockBytesMax } from "../limits.ts";
import type { Params } from "../protocol/methods.ts";
import { BlockWriter } from "./block-writer.ts";
import { ConnectionError, isTemporary, NotFoundError } from "./errors.ts";
import { perform } from "./perform.ts";

type Place = Omit<Params<"fs/open">, "handleId" | "mode">;
type Bytes = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** An open file belongs to its connection and is gone with it. */
class HandleLostError extends ConnectionError {}

/**
 * Gives a file block by block. After a broken connection it goes on where it was, so that a file
 * that was replaced meanwhile may come in parts of both.
 */
export async function* readBlocks(
  fileSystem: FileSystem,
  place: Place,
): AsyncGenerator<Uint8Array> {
  let handleId = await openFile(fileSystem, { ...place, mode: "read" });
  let ahead: Promise<Block>[] = [];
  let offset = 0;
  try {
    for (let inFlightMax = 1; ; inFlightMax = Math.min(inFlightMax * 2, blocksInFlightMax)) {
      while (ahead.length < inFlightMax) {
        const start = offset + ahead.length * fileBlockBytesMax;
        ahead.push(watched(readBlock(fileSystem, handleId, start)));
      }
      const block = await ahead.shift()?.catch(unlessHandleLost);
      if (block === undefined) {
        ahead = [];
        handleId = await openFile(fileSystem, { ...place, mode: "read" });
        continue;
      }
      offset += block.bytes.length;
      if (block.bytes.length > 0) yield block.bytes;
      if (block.eof) return;
    }
  } finally {
    await fileSystem.close({ handleId });
  }
}

interface Block {
  readonly bytes: Uint8Array;
  readonly eof: boolean;
}

async function readBlock(fileSystem: FileSystem, handleId: string, offset: number): Promise<Block> {
  const request = { handleId, offset, len: fileBlockBytesMax };
  const { chunk, eof } = await withHandle(() => fileSystem.readBlock(request));
  return { bytes: Buffer.from(chunk, "base64"), eof };
}

/** What was read ahead in vain may fail without anybody looking at it. */
function watched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

interface Content<T> {
  readonly bytes: T;
  readonly signal: AbortSignal | undefined;
}

/** Replaces a file by bytes that can be given again, beginning anew when the connection breaks. */
export async function replaceFile(
  fileSystem: FileSystem,
  place: Place,
  { bytes, signal }: Content<Buffer>,
) {
  const content = { bytes: [bytes], signal };
  for (let repeats = 0; repeats < callRepeatsMax; repeats++) {
    const written = await writeBlocks(fileSystem, place, content).then(
      () => true,
      (error) => void unlessHandleLost(error),
    );
    if (written) return;
  }
  await writeBlocks(fileSystem, place, content);
}

/**
 * Replaces a file by what a source gives. The source is read once: a lost connection is an error.
 * When it is given up the file is closed at once, and the source is left as soon as it gives more.
 */
export async function writeBlocks(
  fileSystem: FileSystem,
  place: Place,
  { bytes: source, signal }: Content<Bytes>,
) {
  signal?.throwIfAborted();
  const handleId = await openFile(fileSystem, { ...place, mode: "replace" }, signal);
  const blocks = new BlockWriter((offset, chunk) =>
    withHandle(() => fileSystem.writeBlock({ handleId, offset, chunk }, signal)),
  );
  const write = async () => {
    for await (const bytes of source) {
      signal?.throwIfAborted();
      await blocks.write(bytes);
    }
    await blocks.end();
  };
  try {
    await perform(signal, write);
  } finally {
    await fileSystem.close({ handleId });
  }
}

async function openFile(
  fileSystem: FileSystem,
  file: Omit<Params<"fs/open">, "handleId">,
  signal?: AbortSignal,
) {
  const handleId = randomUUID().replaceAll("-", "");
  await fileSystem.open({ ...file, handleId }, signal);
  return handleId;
}

/** A handle is unknown to the connection after the one that it was opened on. */
async function withHandle<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isGone = error instanceof NotFoundError;
    if (isGone || isTemporary(error)) {
      const text = `the connection broke while a file was open: ${(error as Error).message}`;
      throw new HandleLostError(text, { cause: error });
    }
    throw error;
  }
}

function unlessHandleLost(error: unknown): undefined {
  if (!(error instanceof HandleLostError)) throw error;
}
