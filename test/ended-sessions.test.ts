import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { SpillStore } from "../src/environment/local/output/spill-store.ts";
import { localProcesses } from "../src/environment/local/processes.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { Spawner } from "../src/environment/local/spawn/start/spawner.ts";
import { collectGarbage } from "./support/garbage.ts";
import { ProcessRecorder } from "./support/process-recorder.ts";
import { startParams } from "./support/process-workbench.ts";

const kinds = ["posix", "node"] as const;

/** Runs a session with processes that have ended, print, and sleep, to its end. */
async function endedSession(spawner: Spawner, spill: SpillStore) {
  const recorder = new ProcessRecorder();
  const processes = localProcesses({ spawner, spill, executorEnv: {}, emit: recorder.emit });
  await processes.start(startParams("ended", "echo out"));
  await recorder.untilClosed("ended");
  await processes.start(startParams("daemons", "echo out; setsid sleep 60 & exec sleep 60"));
  await recorder.untilText("daemons", /out/);
  await processes.start(startParams("flood", "exec yes"));
  await recorder.until(() => recorder.bytes("flood").length > 2_000_000);
  await processes.start(startParams("silent", "exec sleep 60"));
  await processes.close();
  await Promise.all(["daemons", "flood", "silent"].map((id) => recorder.untilClosed(id)));
  return new WeakRef(processes);
}

async function untilCollected(session: WeakRef<object>, t: TestContext): Promise<void> {
  while (session.deref() !== undefined) {
    t.signal.throwIfAborted();
    await setTimeout(10);
    collectGarbage();
  }
}

for (const kind of kinds) {
  const title = `${kind}: nothing holds on to a session that has ended, nor to its output`;
  test(title, { timeout: 60_000 }, async (t) => {
    const spawner = await createSpawner({ kind });
    t.after(() => spawner.close());
    const spill = new SpillStore();
    const session = await endedSession(spawner, spill);
    await untilCollected(session, t);
    // What might hold it has been there all the time.
    assert.equal(spill.closedLogs.memoryBytes, 0);
  });
}
