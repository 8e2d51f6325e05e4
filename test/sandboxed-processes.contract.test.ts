import { tmpdir } from "node:os";
import { test } from "node:test";
import { localProcesses } from "../src/environment/local/processes.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import { localSandbox } from "../src/sandbox/sandbox.ts";
import { confinedAbilities } from "./support/process-abilities.ts";
import type { MakeProcesses } from "./support/process-workbench.ts";
import { describeProcesses } from "./support/processes-contract.ts";
import { place, sandboxOf, special } from "./support/sandboxes.ts";

const sandbox = localSandbox({ variables: process.env, cwd: "/" });
test.after(() => sandbox.close());

/** Everything may be read, the folder of temporary files written; there is no network. */
const policy = sandboxOf([special("root", "read"), place(tmpdir(), "write")]);

/** Every process is confined. */
const confined: MakeProcesses = async (emit) => {
  const spawner = await createSpawner();
  const processes = localProcesses({ spawner, sandbox, executorEnv: {}, emit });
  const start = processes.start.bind(processes);
  processes.start = (params) => start({ ...params, sandbox: policy });
  return { processes, close: () => spawner.close() };
};

describeProcesses("sandboxed", confined, confinedAbilities);
