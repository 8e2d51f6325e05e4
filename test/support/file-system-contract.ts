import { describe } from "node:test";
import { contentContract } from "./file-content-contract.ts";
import { copyContract } from "./file-copy-contract.ts";
import { handleContract } from "./file-handle-contract.ts";
import { noFollowContract } from "./file-no-follow-contract.ts";
import { treeContract } from "./file-tree-contract.ts";
import type { MakeFileSystem } from "./file-workbench.ts";

/** What every implementation of `FileSystem` has to do. */
export function describeFileSystem(name: string, make: MakeFileSystem): void {
  describe(`${name} file system: content`, () => contentContract(make));
  describe(`${name} file system: links refused`, () => noFollowContract(make));
  describe(`${name} file system: trees`, () => treeContract(make));
  describe(`${name} file system: copies`, () => copyContract(make));
  describe(`${name} file system: handles`, () => handleContract(make));
}
