import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type LocalProcesses,
  type LocalProcessesOptions,
  localProcesses,
} from "../src/environment/local/processes.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import { invalidRequest } from "../src/protocol/errors.ts";
import type { Params } from "../src/protocol/methods.ts";
import { withLongerLimits } from "./support/longer-limits.ts";
import { exitOf, tellsHolders } from "./support/process-limits-contract.ts";
import { untilDead } from "./support/process-table.ts";
import {
  fails,
  type MakeProcesses,
  numbersFrom1To,
  type Workbench,
  workbenchTest,
} from "./support/process-workbench.ts";
import { standStill } from "./support/standing-still.ts";
import { until } from "./support/until.ts";

const executorEnv = { PATH: "/usr/bin:/bin", INHERITED: "yes", MY_TOKEN: "hidden" };

function making(more: Partial<LocalProcessesOptions> = {}): MakeProcesses<LocalProcesses> {
  return async (emit) => {
    const spawner = await createSpawner();
    return {
      processes: localProcesses({ spawner, executorEnv, emit, ...more }),
      close: () => spawner.close(),
    };
  };
}

const local = (title: string, body: (workbench: Workbench<LocalProcesses>) => Promise<void>) =>
  workbenchTest(`local processes: ${title}`, making(), body);

local("a reader that is behind pauses the process, and nothing is lost", async (t) => {
  const bytesMax = 20_000_000;
  t.recorder.hasRoom = false;
  await t.start("flood", ["head", "-c", String(bytesMax), "/dev/zero"]);
  await t.recorder.until(() => t.recorder.bytes("flood").length > 0);
  await t.run("other", "sleep 0.1");
  assert.ok(t.recorder.bytes("flood").length < bytesMax / 10);
  assert.ok(!t.recorder.names("flood").includes("exited"));
  t.recorder.hasRoom = true;
  t.processes.resumeOutput();
  await t.recorder.untilClosed("flood");
  assert.equal(t.recorder.bytes("flood").length, bytesMax);
  assert.deepEqual(t.recorder.seqs("flood"), numbersFrom1To(t.recorder.seqs("flood").length));
});

local("a paused process can be terminated and closes", async (t) => {
  t.recorder.hasRoom = false;
  await t.start("p", ["yes"]);
  await t.recorder.until(() => t.recorder.bytes("p").length > 0);
  assert.deepEqual(await t.processes.terminate({ processId: "p" }), { running: true });
  await t.recorder.untilClosed("p");
  assert.equal(t.recorder.exitCode("p"), 137);
});

local("reads that wait are rejected when their askers are gone", async (t) => {
  await t.run("fifo", ["mkfifo", "gate"]);
  await t.start("p", "exec sleep 60");
  const waiting = t.processes.read({ processId: "p", waitMs: 20_000 });
  const starting = t.start("q", "exec sleep 60");
  const behindStart = t.processes.read({ processId: "q", waitMs: 20_000 });
  await new Promise(setImmediate);
  t.processes.rejectReaders(invalidRequest("gone"));
  await Promise.all([fails(waiting, -32600, "gone"), fails(behindStart, -32600, "gone"), starting]);
  assert.deepEqual((await t.processes.read({ processId: "p", waitMs: 1 })).chunks, []);
});

local("close kills everything, what is just being started too, and starts no more", async (t) => {
  await t.start("p", "trap '' TERM; setsid sleep 60 & echo $!; echo $$; exec sleep 60");
  const [, descendant, leader] = await t.recorder.untilText("p", /(\d+)\n(\d+)\n/);
  const file = join(t.directory, "pid");
  await writeFile(file, "");
  const starting = t.start("q", `echo $$ > ${file}; exec sleep 60`);
  await t.processes.close();
  await starting;
  await untilDead(Number(leader));
  await untilDead(Number(descendant));
  await t.recorder.untilClosed("q");
  const pid = Number(await readFile(file, "utf8"));
  if (pid > 0) await untilDead(pid);
  await fails(t.start("r", "true"), -32600, /session has ended/);
});

local("a policy derives the environment from the executor's", async (t) => {
  const envPolicy = {
    inherit: "all" as const,
    ignoreDefaultExcludes: false,
    exclude: [],
    set: {},
    includeOnly: [],
  };
  await t.run("p", ["env"], { env: { TERM: "dumb" }, envPolicy });
  const lines = t.recorder.text("p").trim().split("\n").sort();
  assert.deepEqual(lines, ["INHERITED=yes", "PATH=/usr/bin:/bin", "TERM=dumb"]);
});

type Sandbox = NonNullable<Params<"process/start">["sandbox"]>;
const sandbox = (permissions: Sandbox["permissions"]): Sandbox => ({
  permissions,
  windowsSandboxLevel: "disabled",
});

local("an exit says what the process has used, where the system tells", async (t) => {
  const burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
  await t.run("p", burn);
  const { usage } = exitOf(t, "p");
  assert.ok(usage?.userMs && usage.userMs > 10, JSON.stringify(usage));
  assert.ok(usage.systemMs !== undefined && usage.userMs + usage.systemMs < usage.wallMs * 1.5);
  await t.run("q", ["perl", "-e", "$x = 'a' x 300_000_000"]);
  assert.ok((exitOf(t, "q").usage?.maxRssBytes ?? 0) > 300_000_000);
});

local("who holds a terminal open is told too", (t) => tellsHolders(t, true));

local("a process that is paused for a slow reader is not idle", async (t) => {
  t.recorder.hasRoom = false;
  await t.start("p", ["yes"], { idleTimeoutMs: 200 });
  await t.recorder.until(() => t.recorder.bytes("p").length > 0);
  await t.run("meanwhile", "sleep 0.7");
  assert.ok(!t.recorder.names("p").includes("exited"));
  await t.processes.terminate({ processId: "p" });
  await t.recorder.untilClosed("p");
  assert.equal(exitOf(t, "p").reason, undefined);
});

local("a process that printed while nobody listened is not idle", async (t) => {
  await t.start("p", "while :; do echo x; sleep 0.05; done", { idleTimeoutMs: 1_000 });
  await t.recorder.until(() => t.recorder.bytes("p").length > 0);
  // What is due comes next from here, before what has been printed.
  await nextTurn();
  standStill(1_500);
  const heard = t.recorder.bytes("p").length;
  await t.recorder.until(() => t.recorder.bytes("p").length > heard);
  await t.processes.terminate({ processId: "p" });
  await t.recorder.untilClosed("p");
  assert.equal(exitOf(t, "p").reason, undefined);
});

local("a process that ended in time did so also when nobody looked", (t) =>
  withLongerLimits(1_000, async (timeoutMs) => {
    const processId = `limited to ${timeoutMs} ms`;
    await t.start(processId, "exit 3", { timeoutMs });
    await nextTurn();
    standStill(1.5 * timeoutMs);
    await t.recorder.untilClosed(processId);
    const { exitCode, reason } = exitOf(t, processId);
    assert.deepEqual([exitCode, reason], [3, undefined]);
  }),
);

local("a process that is to be confined does not run free", async (t) => {
  const refusal = /^sandbox intent cannot be enforced on this executor: /;
  const managed = sandbox({
    type: "managed",
    file_system: { type: "restricted", entries: [] },
    network: "restricted",
  });
  const closedNetwork = sandbox({ type: "external", network: "restricted" });
  const disabled = sandbox({ type: "disabled" });
  for (const more of [
    { sandbox: managed },
    { sandbox: closedNetwork },
    { sandbox: disabled, enforceManagedNetwork: true },
  ]) {
    await fails(t.start("p", "true", more), -32602, refusal);
    await fails(t.processes.read({ processId: "p" }), -32600, "unknown process id p");
  }
  await t.run("p", "echo free", { sandbox: disabled });
  await t.run("q", "echo free", { sandbox: sandbox({ type: "external", network: "enabled" }) });
  assert.equal(t.recorder.text("p") + t.recorder.text("q"), "free\nfree\n");
});

const idsOf = async ({ processes }: Workbench<LocalProcesses>) =>
  (await processes.list()).processes.map(({ processId }) => processId);

const untilForgotten = (t: Workbench<LocalProcesses>) =>
  until("all are forgotten", async () => (await idsOf(t)).length === 0);

const readingTitle = "local processes: a closed one stays as long as somebody reads it";
workbenchTest(readingTitle, making({ closedTtlMs: 1_000 }), async (t) => {
  await t.run("read", "echo x");
  for (const other of ["first", "second"]) {
    await t.run(other, "echo x");
    await until(`${other} is forgotten`, async () => {
      const { chunks } = await t.processes.read({ processId: "read" });
      assert.equal(chunks.length, 1);
      return !(await idsOf(t)).includes(other);
    });
  }
  await untilForgotten(t);
});

const unconfirmed = { asked: 1, answered: 0 };
const unconfirmedOptions = { closedTtlMs: 20, receipts: () => unconfirmed };
const unconfirmedTitle = "local processes: a closed one stays until its output is confirmed";
workbenchTest(unconfirmedTitle, making(unconfirmedOptions), async (t) => {
  await t.run("p", "echo x");
  // Another table, whose receiver has confirmed all, forgets a later one.
  const emit = () => true;
  const spawner = await createSpawner();
  const others = localProcesses({ spawner, executorEnv, emit, closedTtlMs: 20 });
  const start = { processId: "other", argv: ["true"], cwd: "file:///", env: { PATH: "/bin" } };
  await others.start({ ...start, tty: false, pipeStdin: false, enforceManagedNetwork: false });
  await until("that is forgotten", async () => (await others.list()).processes.length === 0);
  assert.equal((await t.processes.read({ processId: "p" })).chunks.length, 1);
  unconfirmed.answered = 1;
  await untilForgotten(t);
  await others.close();
  await spawner.close();
});

workbenchTest(
  "local processes: a closed one is forgotten in time",
  making({ closedTtlMs: 20 }),
  async (t) => {
    await t.start("running", "exec sleep 60");
    for (const processId of ["p", "q"]) await t.run(processId, "echo x");
    await until("two are forgotten", async () => (await idsOf(t)).length === 1);
    assert.deepEqual(await idsOf(t), ["running"]);
    await fails(t.processes.read({ processId: "p" }), -32600, "unknown process id p");
    await t.start("p", "echo again");
    await t.recorder.untilText("p", /^x\nagain\n$/);
  },
);
