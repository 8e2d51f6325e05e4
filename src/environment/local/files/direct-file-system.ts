import type { FileAnswers } from "../../file-system.ts";
import type { WriteJournal } from "../journal/journal.ts";
import { readFile } from "./direct-read.ts";
import { fileWriter } from "./direct-write.ts";
import { canonicalize, getMetadata } from "./file-metadata.ts";
import { readDirectory } from "./list-directory.ts";
import { copyUnder } from "./trees/copy-tree.ts";
import { createDirectory } from "./trees/create-directory.ts";
import { fileRemover, type TreeMeans } from "./trees/remove-tree.ts";
import { walkUnder } from "./trees/walk-tree.ts";

/** The operations that keep no state in this process. */
export type DirectFileSystem = Omit<
  FileAnswers,
  "open" | "readBlock" | "writeBlock" | "close" | "watchMissing"
>;

/**
 * Works on the disk with the rights of this process and ignores `sandbox`, about which the caller
 * has decided. Imports no package, because the fs-helper runs it. With a journal, a finisher
 * completes the writes of a killed process.
 */
export const directFileSystem = (
  journal?: WriteJournal,
  means: TreeMeans = {},
): DirectFileSystem => ({
  readFile,
  writeFile: fileWriter(journal),
  createDirectory,
  getMetadata,
  canonicalize,
  readDirectory,
  walk: (params) => walkUnder(params),
  remove: fileRemover(means),
  copy: (params) => copyUnder(params, { threads: means.threads }),
});
