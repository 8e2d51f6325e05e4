import { test } from "node:test";
import type { FileSystem } from "../src/environment/file-system.ts";
import { localFileSystem } from "../src/environment/local/file-system.ts";
import { plainFileSystem } from "../src/environment/local/plain-file-system.ts";
import { localSandbox } from "../src/sandbox/sandbox.ts";
import { describeFileSystem } from "./support/file-system-contract.ts";
import type { MakeFileSystem } from "./support/file-workbench.ts";
import { place, sandboxOf, special } from "./support/sandboxes.ts";

const sandbox = localSandbox({ variables: process.env, cwd: "/" });
test.after(() => sandbox.close());

/** Every operation goes through a worker that may write in the test's directory. */
const confined: MakeFileSystem = async ({ emit, directory }) => {
  const files = localFileSystem({ emit, confined: sandbox.files() });
  const local = plainFileSystem(files);
  const policy = sandboxOf([
    special("minimal", "read"),
    place("/proc", "read"),
    place(directory, "write"),
  ]);
  const under = <P, R>(operation: (params: P) => Promise<R>) => {
    return (params: P) => operation({ ...params, sandbox: policy });
  };
  const fileSystem: FileSystem = {
    ...local,
    readFile: under(local.readFile),
    writeFile: under(local.writeFile),
    createDirectory: under(local.createDirectory),
    getMetadata: under(local.getMetadata),
    canonicalize: under(local.canonicalize),
    readDirectory: under(local.readDirectory),
    walk: under(local.walk),
    remove: under(local.remove),
    copy: under(local.copy),
    open: under(local.open),
  };
  return { fileSystem, close: async () => void (await files.close()) };
};

describeFileSystem("sandboxed", confined);
