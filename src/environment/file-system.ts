import type { Answer, MaybePromise, Params, Result } from "../protocol/methods.ts";

/** The operations, each with its method on the wire. */
interface Operations {
  readFile: "fs/readFile";
  writeFile: "fs/writeFile";
  createDirectory: "fs/createDirectory";
  getMetadata: "fs/getMetadata";
  canonicalize: "fs/canonicalize";
  readDirectory: "fs/readDirectory";
  walk: "fs/walk";
  remove: "fs/remove";
  copy: "fs/copy";
  open: "fs/open";
  readBlock: "fs/readBlock";
  writeBlock: "fs/writeBlock";
  close: "fs/close";
  watchMissing: "fs/watchMissing";
}

/**
 * Files of one machine. Paths are `file:` URIs, contents base64. Rejects with -32004 when a path
 * does not exist, -32600 when it is refused, -32603 for any other error of the system, and with one
 * of the last two when it is of the wrong kind. An operation that has not begun when its signal is
 * aborted need not be done.
 */
export type FileSystem = {
  [O in keyof Operations]: (
    params: Params<Operations[O]>,
    signal?: AbortSignal,
  ) => Promise<Result<Operations[O]>>;
};

/**
 * The same operations for a caller that writes the answers into frames: results need no promise and
 * no base64 text.
 */
export type FileAnswers = {
  [O in keyof Operations]: (params: Params<Operations[O]>) => MaybePromise<Answer<Operations[O]>>;
};
