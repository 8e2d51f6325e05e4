import type { FileSystem } from "../../file-system.ts";
import { copy } from "./copy-tree.ts";
import { createDirectory } from "./create-directory.ts";
import { readFile } from "./direct-read.ts";
import { writeFile } from "./direct-write.ts";
import { canonicalize, getMetadata } from "./file-metadata.ts";
import { readDirectory } from "./list-directory.ts";
import { remove } from "./remove-tree.ts";
import { walk } from "./walk-tree.ts";

/** The operations that leave nothing behind in this process. */
export type DirectFileSystem = Omit<
  FileSystem,
  "open" | "readBlock" | "writeBlock" | "close" | "watchMissing"
>;

/**
 * Works on the disk with the rights of this process and pays no attention to `sandbox`: whoever
 * calls it has made that decision. Imports no package, because the fs-helper runs it.
 */
export const directFileSystem = (): DirectFileSystem => ({
  readFile,
  writeFile,
  createDirectory,
  getMetadata,
  canonicalize,
  readDirectory,
  walk,
  remove,
  copy,
});
