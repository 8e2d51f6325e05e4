import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Params } from "../../src/protocol/methods.ts";
import { addedVariables, cannotRun, type ProcessAbilities } from "./process-abilities.ts";
import {
  fails,
  hasMembers,
  type MakeProcesses,
  type Workbench,
  workbenchTest,
} from "./process-workbench.ts";

type StartParams = Params<"process/start">;

/** What `start` takes, refuses, and gives to the process. */
export function describeStart(make: MakeProcesses, abilities: ProcessAbilities): void {
  const declare = (title: string, body: (workbench: Workbench) => Promise<void>) =>
    workbenchTest(title, make, body);

  declare("a start answers with the id, whatever characters it has", async (t) => {
    for (const processId of ["p", "", 'odd \u0001 "\\é', "x".repeat(10_000)]) {
      hasMembers(await t.start(processId, "echo ok"), { processId });
      await t.recorder.untilClosed(processId);
      assert.equal(t.recorder.text(processId), "ok\n");
    }
  });

  declare("an id is taken while the process runs and after it has closed", async (t) => {
    await t.start("p", "cat", { pipeStdin: true });
    await fails(t.start("p", "true"), -32600, "process p already exists");
    const nowhere = { cwd: "file:///no/such/directory" };
    await fails(t.start("p", "true", nowhere), -32600, "process p already exists");
    await t.processes.closeStdin({ processId: "p" });
    await t.recorder.untilClosed("p");
    await fails(t.start("p", "true"), -32600, "process p already exists");
  });

  declare("a start that fails says why, tells no event and frees its id", async (t) => {
    const file = join(t.directory, "file");
    await writeFile(file, "#!/bin/sh\n");
    const rows: [string[], Partial<StartParams>, RegExp][] = [
      [["/bin/true"], { cwd: "file:///no/such/directory" }, /No such file or directory/],
      [["/bin/true"], { cwd: pathToFileURL(file).href }, /Not a directory/],
      [["echo", "a\0b"], {}, /nul/i],
      [["echo"], { env: { A: "a\0b" } }, /nul/i],
      [["/bin/echo", "x".repeat(200_000)], {}, /Argument list too long/],
      [[""], {}, /./],
    ];
    for (const [argv, more, text] of rows) {
      await fails(t.start("p", argv, more), -32603, text);
      await fails(t.processes.read({ processId: "p" }), -32600, "unknown process id p");
    }
    assert.deepEqual(t.recorder.events, []);
    await t.run("p", "echo works");
    assert.equal(t.recorder.text("p"), "works\n");
  });

  declare("why a program cannot be run is told", async (t) => {
    const file = join(t.directory, "file");
    await writeFile(file, "#!/bin/sh\n");
    const absent = { text: /No such file or directory/, exitCode: 127 as const };
    const forbidden = { text: /Permission denied/, exitCode: 126 as const };
    await cannotRun(t, abilities, { processId: "path", argv: ["/no/such/program"], ...absent });
    await cannotRun(t, abilities, { processId: "name", argv: ["no-such-program"], ...absent });
    await cannotRun(t, abilities, { processId: "text", argv: [file], ...forbidden });
  });

  declare("a working directory of another host is a wrong parameter", async (t) => {
    for (const cwd of ["file://elsewhere/tmp", "file:///C:/x"]) {
      const reason = `'${cwd}' is invalid on 'linux'`;
      const text = `cwd URI \`${cwd}\` is not valid on this exec-server host: ${reason}`;
      await fails(t.start("p", [], { cwd }), -32602, text);
    }
    await fails(t.start("p", []), -32602, "argv must not be empty");
  });

  declare("env alone is the whole environment", async (t) => {
    const env = { A: "1", B: "", "WITH SPACE": "x y", UNI: "ü\n=;" };
    await t.run("p", ["/usr/bin/env", "-0"], { env });
    const entries = t.recorder.text("p").split("\0").slice(0, -1);
    const added = addedVariables(abilities, t);
    const expected = ["A=1", "B=", ...added, "UNI=ü\n=;", "WITH SPACE=x y"];
    assert.deepEqual(entries.sort(), expected);
    await t.run("none", ["/usr/bin/env", "-0"], { env: {} });
    assert.deepEqual(t.recorder.text("none").split("\0").slice(0, -1), added);
  });

  declare("with a policy env is laid over what the policy gives", async (t) => {
    const envPolicy = {
      inherit: "none" as const,
      ignoreDefaultExcludes: false,
      exclude: [],
      set: { A: "set", B: "set" },
      includeOnly: [],
    };
    await t.run("p", ["/usr/bin/env"], { env: { A: "over" }, envPolicy });
    const expected = ["A=over", "B=set", ...addedVariables(abilities, t)];
    assert.deepEqual(t.recorder.text("p").trim().split("\n").sort(), expected);
  });

  declare("a program is looked up in the PATH of the process", async (t) => {
    await mkdir(join(t.directory, "bin"));
    const program = join(t.directory, "bin", "own-tool");
    await writeFile(program, '#!/bin/sh\necho found "$@"\n');
    await chmod(program, 0o755);
    const env = { PATH: `/nowhere:${join(t.directory, "bin")}` };
    await t.run("p", ["own-tool", "a b"], { env });
    assert.equal(t.recorder.text("p"), "found a b\n");
    const absent = { text: /No such file or directory/, exitCode: 127 as const };
    await cannotRun(t, abilities, { processId: "q", argv: ["cat"], more: { env }, ...absent });
  });

  declare("arg0 is what the process sees as its name", async (t) => {
    const argv = ["/bin/sh", "-c", 'tr "\\0" "," < /proc/$$/cmdline'];
    await t.run("p", argv, { arg0: "my-name" });
    assert.match(t.recorder.text("p"), /^my-name,-c,/);
  });

  declare("a process can reopen its pipes, has no input, and a session of its own", async (t) => {
    const script = "readlink /proc/$$/fd/0; cat; echo again > /dev/stdout; echo $$";
    await t.run("p", `${script}; cut -d' ' -f5,6 /proc/$$/stat; echo err > /dev/stderr`);
    const [stdin, again, pid, ids] = t.recorder.text("p", "stdout").split("\n");
    const expected = abilities.leadsItsSession ? `${pid} ${pid}` : "1 1";
    assert.deepEqual([stdin, again, ids], ["/dev/null", "again", expected]);
    assert.equal(t.recorder.text("p", "stderr"), "err\n");
  });

  declare("calls sent behind a start are served after it and in order", async (t) => {
    for (const processId of ["one", "two", "three"]) {
      const start = t.start(processId, "cat; exit 3", { pipeStdin: true });
      const writes = Array.from({ length: 30 }, (_, at) => t.write(processId, `${at},`));
      const end = t.processes.closeStdin({ processId });
      const late = t.write(processId, "too late");
      const read = t.processes.read({ processId, waitMs: 10_000 });
      hasMembers(await start, { processId });
      assert.deepEqual(new Set(await Promise.all(writes)), new Set(["accepted"]));
      assert.deepEqual(await end, {});
      assert.equal(await late, "stdinClosed");
      assert.equal((await read).failure, null);
      await t.recorder.untilClosed(processId);
      const expected = Array.from({ length: 30 }, (_, at) => `${at},`).join("");
      assert.equal(t.recorder.text(processId), expected);
    }
  });

  declare("signal and terminate sent behind a start reach the process", async (t) => {
    const start = t.start("p", "trap '' INT; sleep 60");
    const signal = t.processes.signal({ processId: "p", signal: "interrupt" });
    const terminate = t.processes.terminate({ processId: "p" });
    const list = t.processes.list();
    await start;
    assert.deepEqual(await signal, {});
    assert.equal(typeof (await terminate).running, "boolean");
    assert.equal((await list).processes.length, 1);
    await t.recorder.untilClosed("p");
  });

  declare("calls sent behind a start that fails find nothing", async (t) => {
    const rows: [string, Partial<StartParams>][] = [
      ["/bin/true", { cwd: "file:///no/such/directory" }],
      ...(abilities.startFindsProgram ? [["/no/such/program", {}] satisfies [string, object]] : []),
    ];
    for (const [program, more] of rows) {
      const start = fails(t.start("p", [program], more), -32603, /No such file/);
      const read = fails(t.processes.read({ processId: "p" }), -32600, "unknown process id p");
      const write = t.write("p", "x");
      const terminate = t.processes.terminate({ processId: "p" });
      const signal = t.processes.signal({ processId: "p", signal: "interrupt" });
      await Promise.all([start, read]);
      assert.equal(await write, "unknownProcess");
      assert.deepEqual(await terminate, { running: false });
      assert.deepEqual(await signal, {});
    }
  });
}
