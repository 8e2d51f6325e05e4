import { textOf } from "../../protocol/base64.ts";
import type { MaybePromise } from "../../protocol/methods.ts";
import { plainResult } from "../../protocol/written-result.ts";
import type { FileAnswers, FileSystem } from "../file-system.ts";

/** Answers for callers that do not write them into frames: promises, with base64 as text. */
export const plainFileSystem = (files: FileAnswers): FileSystem => ({
  readFile: async (params) => {
    const { dataBase64 } = await files.readFile(params);
    return { dataBase64: textOf(dataBase64) };
  },
  writeFile: promised(files.writeFile),
  createDirectory: promised(files.createDirectory),
  getMetadata: promised(files.getMetadata),
  canonicalize: promised(files.canonicalize),
  readDirectory: async (params) => plainResult(await files.readDirectory(params)),
  walk: async (params) => plainResult(await files.walk(params)),
  remove: promised(files.remove),
  copy: promised(files.copy),
  open: promised(files.open),
  readBlock: async (params) => {
    const { chunk, eof } = await files.readBlock(params);
    return { chunk: textOf(chunk), eof };
  },
  writeBlock: promised(files.writeBlock),
  close: promised(files.close),
  watchMissing: promised(files.watchMissing),
});

function promised<P, R>(operation: (params: P) => MaybePromise<R>): (params: P) => Promise<R> {
  return async (params) => operation(params);
}
