import assert from "node:assert/strict";
import { addedVariables, cannotRun, type ProcessAbilities } from "./process-abilities.ts";
import { fails, type MakeProcesses, type Workbench, workbenchTest } from "./process-workbench.ts";

/** Processes in a terminal. */
export function describeTerminals(make: MakeProcesses, abilities: ProcessAbilities): void {
  const declare = (title: string, body: (workbench: Workbench) => Promise<void>) =>
    workbenchTest(`terminal: ${title}`, make, body);
  const tty = true;

  declare("it is one, of 24 x 80 or of the size asked for", async (t) => {
    await t.run("p", "test -t 0 && test -t 1 && test -t 2 && echo yes; stty size", { tty });
    assert.equal(t.recorder.text("p", "pty"), "yes\r\n24 80\r\n");
    assert.equal(t.recorder.text("p").length, t.recorder.text("p", "pty").length);
    await t.run("q", "stty size", { tty, size: { rows: 40, cols: 132 } });
    assert.equal(t.recorder.text("q"), "40 132\r\n");
  });

  declare("a new size reaches the process", async (t) => {
    const script = 'trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done';
    await t.start("p", ["/bin/bash", "--norc", "-c", script], { tty });
    await t.recorder.untilText("p", /ready/);
    const size = { rows: 51, cols: 99 };
    assert.deepEqual(await t.processes.resize({ processId: "p", size }), {});
    await t.recorder.untilText("p", /51 99/);
    await t.start("pipe", "exec sleep 60");
    await fails(t.processes.resize({ processId: "pipe", size }), -32600, /has no terminal/);
    await fails(t.processes.resize({ processId: "no", size }), -32600, "unknown process id no");
  });

  declare("what is typed is echoed and read", async (t) => {
    await t.start("p", 'echo ready; read x; echo "<$x>"', { tty });
    await t.recorder.untilText("p", /ready/);
    assert.equal(await t.write("p", "héllo\n"), "accepted");
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.text("p"), "ready\r\nhéllo\r\n<héllo>\r\n");
  });

  declare("the interrupt character interrupts, the end of input ends", async (t) => {
    const script = "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done";
    await t.start("p", script, { tty });
    await t.recorder.untilText("p", /ready/);
    await t.write("p", "\u0003");
    assert.equal(await t.recorder.untilExited("p"), 3);
    await t.start("q", "echo ready; cat; echo end", { tty });
    await t.recorder.untilText("q", /ready/);
    await t.write("q", "line\n");
    await t.recorder.untilText("q", /line\r\nline/);
    await t.processes.closeStdin({ processId: "q" });
    await t.recorder.untilClosed("q");
    assert.match(t.recorder.text("q"), /end\r\n$/);
  });

  declare("the end of input ends within a line too, also behind an empty write", async (t) => {
    await t.start("p", "echo ready; cat; echo end", { tty });
    await t.recorder.untilText("p", /ready/);
    for (const text of ["key", ""]) assert.equal(await t.write("p", text), "accepted");
    await t.processes.closeStdin({ processId: "p" });
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.text("p"), "ready\r\nkeykeyend\r\n");
  });

  declare("it fails, takes its environment and dies as with pipes", async (t) => {
    const absent = { argv: ["/no/such/program"], text: /No such file/, exitCode: 127 as const };
    await cannotRun(t, abilities, { processId: "absent", more: { tty }, ...absent });
    await fails(t.start("p", "pwd", { tty, cwd: "file:///no/such" }), -32603, /No such file/);
    await t.run("p", ["/usr/bin/env"], { tty, env: { A: "b" } });
    const variables = ["A=b", ...addedVariables(abilities, t)];
    assert.equal(t.recorder.text("p"), variables.map((variable) => `${variable}\r\n`).join(""));
    await t.run("r", "kill -9 $$", { tty });
    assert.equal(t.recorder.exitCode("r"), 137);
  });

  if (abilities.arg0InTerminal) {
    declare("arg0 is what the process sees as its name", async (t) => {
      const argv = ["/bin/sh", "-c", 'tr "\\0" "," < /proc/$$/cmdline'];
      await t.run("p", argv, { tty, arg0: "name" });
      assert.match(t.recorder.text("p"), /^name,/);
    });
  }

  declare("terminate ends it and what ignores its hang-up", async (t) => {
    await t.start("p", "trap '' HUP TERM; echo ready; exec sleep 300", { tty });
    await t.recorder.untilText("p", /ready/);
    assert.deepEqual(await t.processes.terminate({ processId: "p" }), { running: true });
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.exitCode("p"), 137);
    await t.untilLiving(0);
  });
}
