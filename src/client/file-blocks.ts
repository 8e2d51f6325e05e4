import { Buffer } from "node:buffer";
import type { FileSystem } from "../environment/file-system.ts";
import { blocksInFlightMax, fileBlockBytesMax } from "../limits.ts";
import { openFile, type Place, unlessHandleLost, withHandle } from "./file-handle.ts";

/**
 * Gives a file block by block. After a broken connection it goes on where it was, so that a file
 * that was replaced meanwhile may come in parts of both.
 */
export async function* readBlocks(
  fileSystem: FileSystem,
  place: Place,
): AsyncGenerator<Uint8Array> {
  let { handleId } = await openFile(fileSystem, { ...place, mode: "read" });
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
        ({ handleId } = await openFile(fileSystem, { ...place, mode: "read" }));
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
