import type { Answer, MaybePromise, Params, Result } from "../protocol/methods.ts";

/** The operations, and the method that each of them is on the wire. */
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
 * Files of one machine. Paths are `file:` URIs, contents base64. Fails with -32004 when a path does
 * not exist, -32600 when it is refused or of the wrong kind, -32603 for any other error of the
 * system. What has not begun when its signal is aborted need not be done.
 */
export type FileSystem = {
  [O in keyof Operations]: (
    params: Params<Operations[O]>,
    signal?: AbortSignal,
  ) => Promise<Result<Operations[O]>>;
};

/** The same for whoever writes the answers into frames: without detours over promises and texts. */
export type FileAnswers = {
  [O in keyof Operations]: (params: Params<Operations[O]>) => MaybePromise<Answer<Operations[O]>>;
};
