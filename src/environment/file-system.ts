import type { Params, Result } from "../protocol/methods.ts";

/**
 * Files of one machine. Paths are `file:` URIs, contents base64. Fails with -32004 when a path does
 * not exist, -32600 when it is refused or of the wrong kind, -32603 for any other error of the
 * system.
 */
export interface FileSystem {
  readFile(params: Params<"fs/readFile">): Promise<Result<"fs/readFile">>;
  writeFile(params: Params<"fs/writeFile">): Promise<Result<"fs/writeFile">>;
  createDirectory(params: Params<"fs/createDirectory">): Promise<Result<"fs/createDirectory">>;
  getMetadata(params: Params<"fs/getMetadata">): Promise<Result<"fs/getMetadata">>;
  canonicalize(params: Params<"fs/canonicalize">): Promise<Result<"fs/canonicalize">>;
  readDirectory(params: Params<"fs/readDirectory">): Promise<Result<"fs/readDirectory">>;
  walk(params: Params<"fs/walk">): Promise<Result<"fs/walk">>;
  remove(params: Params<"fs/remove">): Promise<Result<"fs/remove">>;
  copy(params: Params<"fs/copy">): Promise<Result<"fs/copy">>;
  open(params: Params<"fs/open">): Promise<Result<"fs/open">>;
  readBlock(params: Params<"fs/readBlock">): Promise<Result<"fs/readBlock">>;
  writeBlock(params: Params<"fs/writeBlock">): Promise<Result<"fs/writeBlock">>;
  close(params: Params<"fs/close">): Promise<Result<"fs/close">>;
  watchMissing(params: Params<"fs/watchMissing">): Promise<Result<"fs/watchMissing">>;
}
