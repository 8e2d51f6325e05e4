import type { Call } from "../../protocol/methods.ts";
import type { FileSystem } from "../file-system.ts";

/** A file system reached by a `Call`: over a socket to a server, or a pipe to a worker. */
export const remoteFileSystem = (call: Call): FileSystem => ({
  readFile: (params, signal) => call("fs/readFile", params, signal),
  writeFile: (params, signal) => call("fs/writeFile", params, signal),
  createDirectory: (params, signal) => call("fs/createDirectory", params, signal),
  getMetadata: (params, signal) => call("fs/getMetadata", params, signal),
  canonicalize: (params, signal) => call("fs/canonicalize", params, signal),
  readDirectory: (params, signal) => call("fs/readDirectory", params, signal),
  walk: (params, signal) => call("fs/walk", params, signal),
  remove: (params, signal) => call("fs/remove", params, signal),
  copy: (params, signal) => call("fs/copy", params, signal),
  open: (params, signal) => call("fs/open", params, signal),
  readBlock: (params, signal) => call("fs/readBlock", params, signal),
  writeBlock: (params, signal) => call("fs/writeBlock", params, signal),
  close: (params, signal) => call("fs/close", params, signal),
  watchMissing: (params, signal) => call("fs/watchMissing", params, signal),
});
