/**
 * A file system that checks every path, after resolving it, against the grants. It runs inside the
 * sandbox, where the mounts enforce the same again. But mounts cannot protect a name that does not
 * exist yet, nor refuse entries of a directory that only leads to a grant, nor report a lost write.
 */
import type { AccessTable } from "../sandbox/policy/access.ts";
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
    // A file was checked when it was opened, and its handle stays bound to it.
    readBlock: (params) => direct.readBlock(params),
    writeBlock: (params) => direct.writeBlock(params),
    close: (params) => direct.close(params),
  };
}
