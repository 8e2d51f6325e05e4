import { after } from "node:test";
import type { FileSystemEvent } from "../src/protocol/methods.ts";
import { describeFileSystem } from "./support/file-system-contract.ts";
import type { MakeFileSystem } from "./support/file-workbench.ts";
import { connectMachine, emitOnly } from "./support/remote.ts";
import { startServer } from "./support/server.ts";

const server = startServer({ after });

const overASocket: MakeFileSystem = async ({ emit }) => {
  const { url } = await server;
  const ofFiles = (event: string): event is FileSystemEvent => event.startsWith("fs/");
  const machine = await connectMachine(url, { emit: emitOnly(ofFiles, emit) });
  return { fileSystem: machine.fileSystem, close: () => machine.close() };
};

describeFileSystem("remote", overASocket);
