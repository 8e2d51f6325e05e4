import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { Spawner } from "../src/environment/local/spawn/start/spawner.ts";
import { commandLine, keepersOf } from "./support/process-table.ts";
import { shell, start } from "./support/spawned.ts";
import { until } from "./support/until.ts";

/** Each starts a sleep whose length is the mark by which it is found again. */
const escapes: Record<string, (sleep: string) => string> = {
  background: (sleep) => `${sleep} &`,
  "double fork": (sleep) => `(${sleep} &)`,
  nohup: (sleep) => `nohup ${sleep} >/dev/null 2>&1 &`,
  "own session": (sleep) => `setsid ${sleep} &`,
  "own session and double fork": (sleep) => `(setsid ${sleep} &)`,
  daemon: (sleep) => `env -i /usr/bin/setsid -f /bin/${sleep} <&- >&- 2>&-`,
  stubborn: (sleep) => `sh -c 'trap "" TERM HUP INT; setsid ${sleep} & wait; ${sleep}' &`,
};

/** Those that leave the session of their ancestor. */
const leavers = ["own session", "own session and double fork", "daemon", "stubborn"];

let lastSeconds = 1_000_000 + process.pid;

/** A command to sleep whose processes no other has the like of. */
function uniqueSleep(): string {
  return `sleep ${lastSeconds++}.5`;
}

/** The living processes that run such a command. */
function sleepers(sleep: string): number[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => commandOf(pid) === sleep.replace("sleep", "").trim());
}

const untilRunning = (sleep: string, count = 1) =>
  until(`${count} sleeping`, () => sleepers(sleep).length >= count);

const untilNoneRuns = (sleep: string) =>
  until("the end of those who sleep", () => sleepers(sleep).length === 0);

function commandOf(pid: number): string | undefined {
  const [program, seconds] = commandLine(pid).split("\0");
  return program?.endsWith("sleep") ? seconds : undefined;
}

for (const kind of ["posix", "node"] as const) {
  describe(`kills by a spawner of kind ${kind}`, () => {
    let spawner: Spawner;

    before(async () => {
      spawner = await createSpawner({ kind });
    });

    after(() => spawner.close());

    for (const [title, escapeBy] of Object.entries(escapes)) {
      for (const leader of ["alive", "dead"] as const) {
        test(`${title}: found after its ancestor, ${leader}; a neighbour is not`, async () => {
          const [sleep, neighbourSleep] = [uniqueSleep(), uniqueSleep()];
          const neighbour = await start(
            spawner,
            shell(`${escapeBy(neighbourSleep)}\nexec sleep 100`),
          );
          const command = `${escapeBy(sleep)}\n${leader === "alive" ? "exec sleep 100" : ""}`;
          const started = await start(spawner, shell(command));
          await untilRunning(sleep);
          await untilRunning(neighbourSleep);
          if (leader === "dead") await started.untilTold("exited");

          await started.process.killTree();
          await started.untilTold("exited");
          const isBeyondReach = spawner.capabilities.treeKill !== "tag" && leavers.includes(title);
          if (!isBeyondReach) await untilNoneRuns(sleep);
          assert.notDeepEqual(sleepers(neighbourSleep), []);
          assert.equal(neighbour.told.includes("exited"), false);

          await neighbour.process.killTree();
          for (const spawned of [started, neighbour]) spawned.process.abandonOutput();
          await Promise.all([started.untilOver(), neighbour.untilOver()]);
          for (const pid of [...sleepers(sleep), ...sleepers(neighbourSleep)]) process.kill(pid, 9);
        });
      }
    }

    test("a killed leader ends with 137, on pipes and in a terminal", async () => {
      for (const stdio of ["pipes", "pty"] as const) {
        const started = await start(spawner, shell("echo ready; sleep 100", { stdio }));
        await started.untilText("ready");
        await started.process.killTree();
        await started.untilOver();
        assert.equal(started.exit?.exitCode, 137);
      }
    });

    test("a signal reaches the leader alone, or its group", async () => {
      const script =
        "trap 'echo leader; exit' USR1; sh -c 'trap \"\" HUP; sleep 100' & echo ready; wait";
      const alone = await start(spawner, shell(script));
      await alone.untilText("ready");
      assert.equal(alone.process.signal(10, "leader"), true);
      await alone.untilTold("exited");
      assert.equal(alone.text(), "ready\nleader\n");
      assert.equal(alone.process.signal(9, "leader"), false);
      assert.equal(alone.process.signal(9, "group"), true);
      await alone.untilTold("ended");
    });

    test("output left open by a stranger is given up, after what it held", async () => {
      const sleep = uniqueSleep();
      const command = `echo first; setsid ${sleep} & exit 0`;
      const started = await start(spawner, shell(command));
      started.process.flow(false);
      await started.untilTold("exited");
      started.process.abandonOutput();
      await started.untilOver();
      assert.equal(started.text(), "first\n");
      await untilRunning(sleep);
      for (const pid of sleepers(sleep)) process.kill(pid, 9);
    });
  });
}

describe("a spawner that ends", () => {
  for (const kind of ["posix", "node"] as const) {
    test(`by close, kind ${kind}, leaves nobody and starts nothing more`, async () => {
      const spawner = await createSpawner({ kind });
      const fdsBefore = readdirSync("/proc/self/fd").length;
      const sleep = uniqueSleep();
      const command = `${escapes.background?.(sleep)} ${sleep}`;
      const all = await Promise.all(
        (["pipes", "pty"] as const).map((stdio) => start(spawner, shell(command, { stdio }))),
      );
      await untilRunning(sleep, 4);
      await spawner.close();
      assert.deepEqual(sleepers(sleep), []);
      for (const { told } of all) assert(told.includes("exited") && told.includes("ended"));
      await assert.rejects(start(spawner, shell("true")), { code: "ECANCELED" });
      assert(readdirSync("/proc/self/fd").length <= fdsBefore);
    });
  }

  test("has a keeper, which is started anew when somebody kills it", async () => {
    const spawner = await createSpawner({ kind: "posix" });
    const keepers = () => keepersOf(process.pid);
    const started = await start(spawner, shell("echo ready; sleep 100"));
    await started.untilText("ready");
    // That of a spawner before may be about to end, and this one about to be what it is.
    await until("one keeper", () => keepers().length === 1);
    const [first] = keepers();
    assert(first !== undefined);
    process.kill(first, 9);
    await until("another keeper", () => keepers().some((pid) => pid !== first));
    await spawner.close();
    assert.deepEqual(keepers(), []);
  });

  test("by SIGKILL of its server leaves nobody", async (context) => {
    const sleep = uniqueSleep();
    const script = `${Object.values(escapes)
      .map((escapeBy) => escapeBy(sleep))
      .join("\n")}\necho ready; ${sleep}`;
    const host = fileURLToPath(new URL("support/spawner-host.ts", import.meta.url));
    const commands = Array(6).fill(`trap '' HUP TERM; ${script}`);
    const server = spawn(process.execPath, ["--import", "tsx", host, ...commands], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    context.after(() => server.kill("SIGKILL"));
    await once(server.stdout, "data");
    // One of each kind of escape, and the leader's own.
    const expected = commands.length * (Object.keys(escapes).length + 1);
    await untilRunning(sleep, expected);
    server.kill("SIGKILL");
    await untilNoneRuns(sleep);
  });
});
