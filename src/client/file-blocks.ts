import type { FileSystem } from "../environment/file-system.ts";
import { callRepeatsMax } from "../limits.ts";
import { BlockReader } from "./block-reader.ts";
import { openFile, type Place, unlessHandleLost } from "./file-handle.ts";

/**
 * Gives a file block by block. After a broken connection it goes on where it was, so that a file
 * that was replaced meanwhile may come in parts of both.
 */
export async function* readBlocks(
  fileSystem: FileSystem,
  place: Place,
): AsyncGenerator<Uint8Array> {
  const open = async (offset: number) => {
    const { handleId } = await openFile(fileSystem, { ...place, mode: "read" });
    return new BlockReader(fileSystem, handleId, offset);
  };
  let offset = 0;
  let vainOpens = 0;
  let file = await open(offset);
  try {
    for (;;) {
      const block = await file.next().catch((failure) => {
        if (++vainOpens > callRepeatsMax) throw failure;
        return unlessHandleLost(failure);
      });
      if (block) {
        vainOpens = 0;
        offset += block.bytes.length;
        if (block.bytes.length > 0) yield block.bytes;
        if (block.eof) return;
      } else {
        file = await open(offset);
      }
    }
  } finally {
    await fileSystem.close({ handleId: file.handleId });
  }
}
