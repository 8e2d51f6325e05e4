/**
 * A process with a spawner and a sandbox, to be killed by a test: prints a line when it is ready,
 * and after a line of its input confines one work after the other, two milliseconds apart.
 */
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { localProcesses } from "../../src/environment/local/processes.ts";
import { createSpawner } from "../../src/environment/local/spawn/create-spawner.ts";
import { workersBy } from "../../src/environment/local/worker-start.ts";
import { localSandbox } from "../../src/sandbox/sandbox.ts";
import { startParams } from "./process-workbench.ts";
import { workspaceWrite } from "./sandboxes.ts";

const [kind, work, directory = ""] = process.argv.slice(2);
const worksMax = 12;

const spawner = await createSpawner({ kind: kind === "node" ? "node" : "posix" });
const options = {
  variables: { PATH: process.env.PATH, TMPDIR: directory },
  cwd: "/",
  startWorker: workersBy(() => spawner),
  ownVariables: () => spawner.ownVariables(),
};
const sandbox = localSandbox(options);
const processes = localProcesses({ spawner, sandbox, executorEnv: {}, emit: () => true });

function policyOf(name: string) {
  const workspace = join(directory, name);
  mkdirSync(workspace);
  return workspaceWrite(workspace);
}

const start = (name: string, program: string[]) =>
  processes.start(startParams(name, program, { sandbox: policyOf(name) }));

const works: Record<string, (name: string) => unknown> = {
  command: (name) => start(name, ["/bin/sleep", "1000"]),
  helper: (name) => sandbox.prepare(policyOf(name)),
  trial: () => localSandbox(options),
};

// What is looked up once is known then.
await start("first", ["/bin/true"]);
process.stdout.write("ready\n");
await once(process.stdin, "data");
for (let count = 0; count < worksMax; count++) {
  // It is about to be killed, and what fails then concerns nobody.
  void Promise.resolve(works[work ?? ""]?.(`${count}`)).catch(() => undefined);
  await setTimeout(2);
}
