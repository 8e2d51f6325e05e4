import { after } from "node:test";
import type { ProcessEvent } from "../src/protocol/methods.ts";
import type { MakeProcesses } from "./support/process-workbench.ts";
import { describeProcesses } from "./support/processes-contract.ts";
import { connectMachine, emitOnly } from "./support/remote.ts";
import { startServer } from "./support/server.ts";

const server = startServer({ after });

const overASocket: MakeProcesses = async (emit) => {
  const { url } = await server;
  const ofProcesses = (event: string): event is ProcessEvent => event.startsWith("process/");
  const machine = await connectMachine(url, { emit: emitOnly(ofProcesses, emit) });
  return { processes: machine.processes, close: () => machine.close() };
};

describeProcesses("remote", overASocket);
