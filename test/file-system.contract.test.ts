import { localFileSystem } from "../src/environment/local/file-system.ts";
import { describeFileSystem } from "./support/file-system-contract.ts";
import type { MakeFileSystem } from "./support/file-workbench.ts";

const local: MakeFileSystem = async ({ emit }) => {
  const fileSystem = localFileSystem({ emit });
  return { fileSystem, close: async () => void (await fileSystem.close()) };
};

describeFileSystem("local", local);
