import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { localProcesses } from "../src/environment/local/processes.ts";
import type {
  ProcessSink,
  SpawnedProcess,
  Spawner,
} from "../src/environment/local/spawn/start/spawner.ts";
import type { ConfinedProcess } from "../src/sandbox/confined-process.ts";
import type { LocalSandbox } from "../src/sandbox/sandbox.ts";
import { ProcessRecorder } from "./support/process-recorder.ts";
import { workspaceWrite } from "./support/sandboxes.ts";

/** Processes whose bwrap does nothing, and what is done with it while it is set up. */
function confinedBy(started: (bwrap: ProcessSink) => Promise<undefined>) {
  const child = { pid: 1, feeds: [], killTree: async () => {}, abandonOutput() {}, flow() {} };
  let sink: ProcessSink;
  const spawner = {
    start: async (_: unknown, listener: ProcessSink) => {
      sink = listener;
      return child as unknown as SpawnedProcess;
    },
  } as unknown as Spawner;
  const ends: string[] = [];
  const sandbox = {
    prepare() {},
    confine: async (_: unknown, request: ConfinedProcess["request"]) => ({
      request: { ...request, feeds: [] },
      started: () => started(sink),
      ended: async () => void ends.push("ended"),
      standIns: () => [],
    }),
  } as unknown as LocalSandbox;
  const recorder = new ProcessRecorder();
  const { emit } = recorder;
  const processes = localProcesses({ spawner, sandbox, executorEnv: {}, emit, closedTtlMs: 0 });
  const start = () =>
    processes.start({
      ...{ processId: "p", argv: ["/bin/true"], cwd: "file:///", env: {} },
      ...{ tty: false, pipeStdin: false, enforceManagedNetwork: false },
      sandbox: workspaceWrite("/tmp"),
    });
  return { start, recorder, ends };
}

const die = (bwrap: ProcessSink) => {
  bwrap.exited({ exitCode: 137, signal: 9 });
  bwrap.ended();
};

test("of a start that failed nothing is told, also when bwrap died before that", async () => {
  const { start, recorder, ends } = confinedBy(async (bwrap) => {
    die(bwrap);
    await nextTurn();
    throw new Error("not as it was meant");
  });
  await assert.rejects(start(), { message: "not as it was meant" });
  await nextTurn();
  assert.deepEqual([recorder.names("p"), ends], [[], ["ended"]]);
});

test("the end of a bwrap that died while it was set up is told once that is done", async () => {
  const { start, recorder, ends } = confinedBy(async (bwrap) => {
    die(bwrap);
    await nextTurn();
    assert.deepEqual(recorder.names("p"), []);
    return undefined;
  });
  await start();
  await recorder.until(() => recorder.names("p").includes("closed"));
  assert.deepEqual([recorder.exitCode("p"), ends], [137, ["ended"]]);
});
