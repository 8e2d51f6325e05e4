import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { EventParams } from "../../src/protocol/methods.ts";
import { withLongerLimits } from "./longer-limits.ts";
import type { ProcessAbilities } from "./process-abilities.ts";
import {
  hasMembers,
  type MakeProcesses,
  type Workbench,
  workbenchTest,
} from "./process-workbench.ts";

/** Limits of time, signals by name, and what a process has used. */
export function describeLimits(make: MakeProcesses, abilities: ProcessAbilities): void {
  const declare = (title: string, body: (workbench: Workbench) => Promise<void>) =>
    workbenchTest(title, make, body);

  declare("a process that takes too long is killed with all that it started", async (t) => {
    const script = "trap '' TERM; sleep 300 & while :; do echo x; sleep 0.05; done";
    await t.start("p", script, { timeoutMs: 300, idleTimeoutMs: 60_000 });
    await t.recorder.untilClosed("p");
    hasMembers(exitOf(t, "p"), { exitCode: 137, reason: "timeout" });
    hasMembers(await t.processes.read({ processId: "p" }), { exitCode: 137, reason: "timeout" });
    await t.untilLiving(0);
  });

  declare("a limit that is over before the process has started ends it all the same", async (t) => {
    await t.start("p", "exec sleep 300", { timeoutMs: 1 });
    await t.recorder.untilClosed("p");
    assert.equal(exitOf(t, "p").reason, "timeout");
    await t.untilLiving(0);
  });

  declare("a process that prints nothing for too long is killed", (t) =>
    withLongerLimits(1_100, async (idleTimeoutMs) => {
      const processId = `silent for ${idleTimeoutMs} ms`;
      const print = `for i in 1 2 3 4 5 6; do echo $i; sleep ${idleTimeoutMs / 5_500}; done`;
      await t.start(processId, `${print}; exec sleep 300`, { idleTimeoutMs });
      await t.recorder.untilClosed(processId);
      hasMembers(exitOf(t, processId), { exitCode: 137, reason: "idleTimeout" });
      assert.equal(t.recorder.text(processId), "1\n2\n3\n4\n5\n6\n");
    }),
  );

  declare("a limit that is not reached changes nothing", async (t) => {
    const limits = { timeoutMs: 60_000, idleTimeoutMs: Number.MAX_SAFE_INTEGER };
    await t.run("p", "exit 3", limits);
    assert.equal(exitOf(t, "p").reason, undefined);
    const answer = await t.processes.read({ processId: "p" });
    assert.ok(!("reason" in answer));
  });

  declare("a limit also ends what holds the output open after the exit", (t) =>
    withLongerLimits(400, async (timeoutMs) => {
      const processId = `limited to ${timeoutMs} ms`;
      await t.start(processId, "sleep 300 & exit 4", { timeoutMs });
      assert.equal(await t.recorder.untilExited(processId), 4);
      await t.recorder.untilClosed(processId);
      await t.untilLiving(0);
      assert.equal(exitOf(t, processId).reason, undefined);
    }),
  );

  declare("a signal is sent by its name", async (t) => {
    const script = "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.02; done";
    await t.start("p", script);
    await t.recorder.untilText("p", /ready/);
    assert.deepEqual(await t.processes.signal({ processId: "p", signal: "SIGUSR1" }), {});
    await t.recorder.untilText("p", /usr1/);
    await t.processes.signal({ processId: "p", signal: "SIGTERM" });
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.exitCode("p"), 143);
  });

  declare("who holds the output open after the exit is told by name", async (t) => {
    if (abilities.outlivesLeader) return tellsHolders(t, false);
    await t.run("p", "(trap '' HUP; exec setsid sleep 300) & exit 0");
    assert.equal((await t.processes.read({ processId: "p" })).heldOpenBy, undefined);
    await t.untilLiving(0);
  });

  declare("an exit says how long the process took", async (t) => {
    await t.run("p", "sleep 0.2");
    const { usage } = exitOf(t, "p");
    assert.ok(usage && usage.wallMs >= 200 && usage.wallMs < 30_000, JSON.stringify(usage));
  });
}

/** A process leaves one behind that keeps its output open, until that is killed. */
export async function tellsHolders(t: Workbench, tty: boolean): Promise<void> {
  // A terminal is taken from whoever has not left its session when the leader exits.
  const leaving = `(trap '' HUP; exec setsid sh -c ': >left; exec sleep 300') & echo $!`;
  await t.start("p", `${leaving}; until [ -e left ]; do sleep 0.01; done; exit 0`, { tty });
  const [pid] = await t.recorder.untilText("p", /\d+/);
  await t.recorder.untilExited("p");
  const read = async () => (await t.processes.read({ processId: "p" })).heldOpenBy;
  const expected = [{ pid: Number(pid), program: "sleep" }];
  let holders = await read();
  // It may have been looked at before it became `sleep`, and is looked at again in a second.
  while (!isDeepStrictEqual(holders, expected)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    holders = await read();
  }
  const { processes } = await t.processes.list();
  assert.deepEqual(processes[0]?.heldOpenBy, expected);
  process.kill(Number(pid), "SIGKILL");
  await t.recorder.untilClosed("p");
  assert.equal(await read(), undefined);
}

export function exitOf({ recorder }: Workbench, processId: string): EventParams<"process/exited"> {
  const exited = recorder.of(processId).find(({ event }) => event === "process/exited");
  assert.equal(exited?.event, "process/exited");
  return exited.params as EventParams<"process/exited">;
}
