import { localFileSystem } from "../src/environment/local/file-system.ts";
import { plainFileSystem } from "../src/environment/local/plain-file-system.ts";
import { describeFileSystem } from "./support/file-system-contract.ts";
import type { MakeFileSystem } from "./support/file-workbench.ts";

const local: MakeFileSystem = async ({ emit }) => {
  const files = localFileSystem({ emit });
  return { fileSystem: plainFileSystem(files), close: async () => void (await files.close()) };
};

describeFileSystem("local", local);
