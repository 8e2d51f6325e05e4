/**
 * A file system that asks for every path, after resolving it, whether it is granted. It runs inside
 * the sandbox, where the mounts say the same once more; the mounts cannot, however, protect a name
 * that does not exist yet, nor refuse what lies below a skeleton directory, nor tell a lost write.
 */
import type { AccessTable } from "../sandbox/access.ts";
import { guardedReads } from "./guarded-reads.ts";
import { guardedWrites } from "./guarded-writes.ts";
import type { HelperFileSystem } from "./helper-file-system.ts";

export function guardedFileSystem(direct: HelperFileSystem, table: AccessTable): HelperFileSystem {
  const reads = guardedReads(direct, table);
  const writes = guardedWrites(direct, table);
  return {
    ...reads,
    ...writes,
    open: (params) => (params.mode === "read" ? reads.open(params) : writes.open(params)),
    // A file that is open was granted when it was opened, and stays that file.
    readBlock: (params) => direct.readBlock(params),
    writeBlock: (params) => direct.writeBlock(params),
    close: (params) => direct.close(params),
  };
}
