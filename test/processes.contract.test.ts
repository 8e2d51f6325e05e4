import { localProcesses } from "../src/environment/local/processes.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { MakeProcesses } from "./support/process-workbench.ts";
import { describeProcesses } from "./support/processes-contract.ts";

const local: MakeProcesses = async (emit) => {
  const spawner = await createSpawner();
  return {
    processes: localProcesses({ spawner, executorEnv: {}, emit }),
    close: () => spawner.close(),
  };
};

describeProcesses("local", local);
