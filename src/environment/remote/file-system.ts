import type { Call } from "../../protocol/methods.ts";
import type { FileSystem } from "../file-system.ts";

/** A file system behind anything that carries calls: a socket to a server, a pipe to a worker. */
export const remoteFileSystem = (call: Call): FileSystem => ({
  readFile: (params) => call("fs/readFile", params),
  writeFile: (params) => call("fs/writeFile", params),
  createDirectory: (params) => call("fs/createDirectory", params),
  getMetadata: (params) => call("fs/getMetadata", params),
  canonicalize: (params) => call("fs/canonicalize", params),
  readDirectory: (params) => call("fs/readDirectory", params),
  walk: (params) => call("fs/walk", params),
  remove: (params) => call("fs/remove", params),
  copy: (params) => call("fs/copy", params),
  open: (params) => call("fs/open", params),
  readBlock: (params) => call("fs/readBlock", params),
  writeBlock: (params) => call("fs/writeBlock", params),
  close: (params) => call("fs/close", params),
  watchMissing: (params) => call("fs/watchMissing", params),
});
