import { localProcesses } from "../src/environment/local/processes.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { MakeProcesses } from "./support/process-workbench.ts";
import { describeProcesses } from "./support/processes-contract.ts";

const localBy =
  (kind: "posix" | "node"): MakeProcesses =>
  async (emit) => {
    const spawner = await createSpawner({ kind });
    return {
      processes: localProcesses({ spawner, executorEnv: {}, emit }),
      close: () => spawner.close(),
    };
  };

describeProcesses("local, started natively", localBy("posix"));
describeProcesses("local, started by Node", localBy("node"), { arg0InTerminal: false });
