import type { FileSystem } from "../../environment/file-system.ts";
import { callRepeatsMax } from "../../limits.ts";
import { BlockReader } from "./block-reader.ts";
import { openFile, type Place, unlessHandleLost } from "./file-handle.ts";

/**
 * Yields a file block by block. After a broken connection it reopens the path and continues at the
 * same offset, so the content may be mixed when the file was replaced meanwhile.
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
  let fruitlessOpens = 0;
  let file = await open(offset);
  try {
    for (;;) {
      const block = await file.next().catch((failure) => {
        if (++fruitlessOpens > callRepeatsMax) throw failure;
        return unlessHandleLost(failure);
      });
      if (block) {
        fruitlessOpens = 0;
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
