import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import type { ProcessAbilities } from "./process-abilities.ts";
import { fails, type MakeProcesses, type Workbench, workbenchTest } from "./process-workbench.ts";

/** What can be done to a process that runs: input, signals, its end. */
export function describeControl(make: MakeProcesses, abilities: ProcessAbilities): void {
  const declare = (title: string, body: (workbench: Workbench) => Promise<void>) =>
    workbenchTest(title, make, body);

  declare("what is written is what the process reads", async (t) => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await t.start("p", "exec cat", { pipeStdin: true });
    assert.equal(await t.write("p", bytes), "accepted");
    assert.equal(await t.write("p", ""), "accepted");
    assert.equal(await t.write("p", "end"), "accepted");
    await t.recorder.untilText("p", /end$/);
    assert.ok(t.recorder.bytes("p").equals(Buffer.concat([bytes, Buffer.from("end")])));
  });

  declare("a write that nobody can read is answered so", async (t) => {
    assert.equal(await t.write("nobody", "x"), "unknownProcess");
    await t.start("deaf", "exec sleep 60");
    assert.equal(await t.write("deaf", "x"), "stdinClosed");
    await t.run("gone", "exit 0", { pipeStdin: true });
    assert.equal(await t.write("gone", "x"), "stdinClosed");
    await t.start("shut", "exec <&-; echo closed; exec sleep 60", { pipeStdin: true });
    await t.recorder.untilText("shut", /closed/);
    if (!abilities.noticesClosedStdin) {
      assert.equal(await t.write("shut", "x"), "accepted");
      await t.processes.terminate({ processId: "shut" });
      await t.recorder.untilClosed("shut");
    }
    while ((await t.write("shut", "x")) !== "stdinClosed") await new Promise(setImmediate);
  });

  declare("bad base64 is refused and nothing of it written", async (t) => {
    await t.start("p", "exec cat", { pipeStdin: true });
    const write = (chunk: string) => t.processes.write({ processId: "p", chunk, writeId: chunk });
    await fails(write("!!!!"), -32602, "Invalid symbol 33, offset 0.");
    await fails(write("-_-_"), -32602, /Invalid symbol 45/);
    await fails(write("eA"), -32602, "Invalid padding");
    await t.write("p", "ok");
    await t.recorder.untilText("p", /ok/);
    assert.equal(t.recorder.text("p"), "ok");
  });

  declare("a repeated write id has no further effect", async (t) => {
    await t.start("p", "exec cat", { pipeStdin: true });
    for (const [text, writeId] of [
      ["a", "1"],
      ["a", "1"],
      ["OTHER", "1"],
      ["b", "2"],
      ["a", "1"],
    ]) {
      assert.equal(await t.write("p", text ?? "", writeId), "accepted");
    }
    await t.processes.closeStdin({ processId: "p" });
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.text("p"), "ab");
  });

  declare("closing stdin comes after what was written before", async (t) => {
    await t.start("p", "read go; exec wc -c", { pipeStdin: true });
    await t.write("p", "go\n");
    const big = Buffer.alloc(400_000, "x");
    const writes = Array.from({ length: 10 }, () => t.write("p", big));
    assert.deepEqual(await t.processes.closeStdin({ processId: "p" }), {});
    assert.equal(await t.write("p", "late"), "stdinClosed");
    assert.deepEqual(new Set(await Promise.all(writes)), new Set(["accepted"]));
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.text("p").trim(), "4000000");
    await fails(t.processes.closeStdin({ processId: "no" }), -32600, "unknown process id no");
  });

  declare("a full stdin holds up neither signals nor the end", async (t) => {
    await t.start("p", "trap 'echo caught' INT; echo ready; while :; do sleep 0.05; done", {
      pipeStdin: true,
    });
    await t.recorder.untilText("p", /ready/);
    const chunk = Buffer.alloc(65_536, "w");
    const writes = Array.from({ length: 60 }, (_, at) => t.write("p", chunk, `${at}`));
    const again = t.write("p", "again", "59");
    assert.equal(await writes[0], "accepted");
    await t.processes.signal({ processId: "p", signal: "interrupt" });
    await t.recorder.untilText("p", /caught/);
    assert.deepEqual(await t.processes.terminate({ processId: "p" }), { running: true });
    const answers = await Promise.all(writes);
    assert.equal(answers.at(-1), "stdinClosed");
    assert.equal(await again, "stdinClosed");
    assert.deepEqual(answers, answers.toSorted());
  });

  declare("an interrupt reaches the whole group", async (t) => {
    const inner = "trap 'echo child; exit 0' INT; echo up; while :; do sleep 0.05; done";
    const script = `trap 'echo parent' INT; bash -c "${inner}"; echo after`;
    await t.start("p", ["/bin/bash", "-c", script]);
    await t.recorder.untilText("p", /up/);
    const interrupt = { signal: "interrupt" as const };
    assert.deepEqual(await t.processes.signal({ processId: "p", ...interrupt }), {});
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.text("p"), "up\nchild\nparent\nafter\n");
    assert.deepEqual(await t.processes.signal({ processId: "p", ...interrupt }), {});
    assert.deepEqual(await t.processes.signal({ processId: "nobody", ...interrupt }), {});
  });

  declare("terminate kills at once whatever the process ignores", async (t) => {
    await t.start("p", "trap '' TERM INT HUP; echo ready; exec sleep 300");
    await t.recorder.untilText("p", /ready/);
    await t.untilLiving(1);
    const poll = t.processes.read({ processId: "p", afterSeq: 1, waitMs: 20_000 });
    assert.deepEqual(await t.processes.terminate({ processId: "p" }), { running: true });
    assert.equal((await poll).exitCode, 137);
    await t.recorder.untilClosed("p");
    await t.untilLiving(0);
    assert.deepEqual(await t.processes.terminate({ processId: "p" }), { running: false });
    assert.deepEqual(await t.processes.terminate({ processId: "nobody" }), { running: false });
    assert.equal((await t.processes.read({ processId: "p" })).closed, true);
  });

  declare("terminate takes the children too", async (t) => {
    await t.start("p", "sleep 300 & sleep 301 & wait");
    await t.untilLiving(3);
    await t.processes.terminate({ processId: "p" });
    await t.untilLiving(0);
  });

  declare("terminate after the exit kills what is left, and the exit code stays", async (t) => {
    await t.start("p", "sleep 300 & exit 5");
    assert.equal(await t.recorder.untilExited("p"), 5);
    await t.untilLiving(abilities.outlivesLeader ? 1 : 0);
    assert.deepEqual(await t.processes.terminate({ processId: "p" }), { running: false });
    await t.untilLiving(0);
    await t.recorder.untilClosed("p");
    assert.equal((await t.processes.read({ processId: "p" })).exitCode, 5);
  });

  declare("after terminate nobody can hold the closing back", async (t) => {
    await t.start("p", "exec sleep 300");
    const [pid] = await t.untilLiving(1);
    const stranger = await open(`/proc/${pid}/fd/1`, "w");
    try {
      await t.processes.terminate({ processId: "p" });
      await t.recorder.untilClosed("p");
      assert.equal(t.recorder.exitCode("p"), 137);
    } finally {
      await stranger.close();
    }
  });

  declare("the list has running and closed processes", async (t) => {
    assert.deepEqual(await t.processes.list(), { processes: [] });
    await t.start("live", ["/bin/sleep", "60"]);
    await t.run("done", ["/bin/sh", "-c", "echo x; exit 4"]);
    const { processes } = await t.processes.list();
    const live = { processId: "live", argv: ["/bin/sleep", "60"], tty: false, running: true };
    const done = { processId: "done", argv: ["/bin/sh", "-c", "echo x; exit 4"], tty: false };
    assert.deepEqual(
      processes.toSorted((one, other) => (one.processId < other.processId ? -1 : 1)),
      [
        { ...done, running: false, exitCode: 4, nextSeq: 4 },
        { ...live, exitCode: null, nextSeq: 1 },
      ],
    );
  });
}
