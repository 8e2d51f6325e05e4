import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { childBySearch, insideOf } from "../src/sandbox/bwrap/inner-mounts.ts";
import { localSandbox } from "../src/sandbox/sandbox.ts";
import { keepFile, openStateDirectory, statePathIn } from "../src/sandbox/state/state-directory.ts";
import { Ground, secret } from "./support/escape-ground.ts";
import { place, sandboxOf, special, workspaceWrite } from "./support/sandboxes.ts";

function ground(t: TestContext): Ground {
  const made = new Ground();
  t.after(() => made.clear());
  return made;
}

const everything = special("root", "write");
const open = {
  permissions: {
    type: "managed" as const,
    file_system: { type: "unrestricted" as const },
    network: "restricted" as const,
  },
  windowsSandboxLevel: "disabled" as const,
};

const elsewhere = {
  permissions: { type: "external" as const, network: "restricted" as const },
  windowsSandboxLevel: "disabled" as const,
};

for (const [title, sandbox] of Object.entries({
  "everything may be written": sandboxOf([everything]),
  "files are not restricted": open,
  "somebody else sees to the files": elsewhere,
})) {
  test(`where ${title}, the network alone is taken away`, async (t) => {
    const g = ground(t);
    const script = "echo changed > $OUT/f; cat $OUT/f; ls /sys/class/net; ls /proc/self/ns >&2";
    const text = await g.shell(script, sandbox);
    assert.match(text, /^changed$/m);
    assert.match(await g.shell("cat /proc/net/dev | grep -c :", sandbox), /^1$/m);
  });
}

test("what is denied stays so where everything else may be written", async (t) => {
  const g = ground(t);
  const sandbox = sandboxOf([everything, place(g.at("outside"), "deny")]);
  const text = await g.shell("cat $OUT/f; ls $OUT; echo x > $OUT/g; echo y > $WS/h", sandbox);
  assert.doesNotMatch(text, new RegExp(secret));
  assert.deepEqual(readdirSync(g.at("outside")), ["f"]);
  assert.deepEqual(readdirSync(g.at("ws")), ["h"]);
  const reading = g.files(sandbox).readFile({ path: `file://${g.at("outside/f")}` });
  await assert.rejects(reading, /Permission denied/);
});

/** What a confined program finds in its environment. */
async function environment(g: Ground, env: Record<string, string>, arg0?: string) {
  const argv = ["/bin/cat", "/proc/self/environ", "/proc/self/cmdline"] as const;
  const text = await g.run(g.writing, { argv, env, arg0, cwd: g.at("ws") });
  return text.split("\0").filter((line) => line !== "");
}

test("another argv[0] brings no variables of the shell with it", async (t) => {
  const g = ground(t);
  const command = ["a name", "/proc/self/environ", "/proc/self/cmdline"];
  const PWD = `PWD=${g.at("ws")}`;
  const plain = await environment(g, { A: "1" }, "a name");
  assert.deepEqual(plain.sort(), ["A=1", PWD, ...command].sort());
  const shell = { SHLVL: "3", _: "x", BASH_ENV: g.at("outside/f") };
  const found = await environment(g, shell, "a name");
  const names = ["SHLVL=3", "_=x", `BASH_ENV=${g.at("outside/f")}`, PWD];
  assert.deepEqual(found.sort(), [...names, ...command].sort());
});

test("a variable whose name has an equals sign is what it is without a sandbox", async (t) => {
  const g = ground(t);
  const found = await environment(g, { "A=B": "c", "D=": "", D: "e" });
  assert.ok(found.includes("A=B=c"));
  assert.ok(found.includes("D=="));
  assert.ok(!found.includes("D=e"));
});

for (const name of ["", "=", "=A"]) {
  test(`a variable with the name ${JSON.stringify(name)} is refused before anything`, async (t) => {
    const g = ground(t);
    const request = { argv: ["/bin/true"], env: { [name]: "x" }, cwd: g.at("ws") } as const;
    const refused = { code: -32602, message: /variable without a name/ };
    await assert.rejects(g.sandbox.confine(g.writing, request), refused);
    assert.deepEqual(readdirSync(g.at("ws")), []);
  });
}

test("where the kernel lists no children, the child of a process is found by its parent", async () => {
  const shell = spawn("/bin/sh", ["-c", "sleep 100 & echo $!; wait"], { detached: true });
  const [line] = await once(shell.stdout, "data");
  assert.equal(childBySearch(shell.pid ?? -1), Number(`${line}`));
  process.kill(-(shell.pid ?? 0), "SIGKILL");
  await once(shell, "exit");
});

test("what a script runs before it becomes bwrap is not taken for the unconfined command", async () => {
  const flags = ["--die-with-parent", "--unshare-user", "--unshare-pid", "--cap-drop", "ALL"];
  const confined = [...flags, "--ro-bind", "/", "/", "--", "/bin/sleep", "100"];
  const script = 'sleep 0.1; exec bwrap "$@"';
  const wrapper = spawn("/bin/sh", ["-c", script, "sh", ...confined], { detached: true });
  const inside = await insideOf(wrapper.pid ?? -1, undefined);
  process.kill(-(wrapper.pid ?? 0), "SIGKILL");
  await once(wrapper, "exit");
  assert.ok(typeof inside === "object");
  assert.notEqual(inside.tables.inside, inside.tables.outside);
});

const descriptors = () => readdirSync("/proc/self/fd").length;

test("a start that is refused leaves no descriptor open", async (t) => {
  const g = ground(t);
  await g.shell("true");
  const before = descriptors();
  const cwd = g.at("ws");
  for (const env of [{ A: "a\0b" }, { "": "x" }]) {
    const confined = g.sandbox.confine(g.writing, { argv: ["/bin/true"], env, cwd });
    await assert.rejects(confined);
  }
  assert.equal(descriptors(), before);
});

test("a helper that cannot be started leaves no descriptor open", async (t) => {
  const g = ground(t);
  await g.files(g.writing).writeFile({ path: `file://${g.at("ws/f")}`, dataBase64: "" });
  const program = '[ "$1" = --help ] && echo --as-pid-1 && exit; [ "$2" = --unshare-user ]';
  writeFileSync(g.at("bwrap"), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  const broken = localSandbox({ variables: { PATH: g.directory }, cwd: "/" });
  t.after(() => broken.close());
  const failing = () =>
    assert.rejects(
      broken.files().call(g.writing)("fs/writeFile", {
        path: `file://${g.at("ws/f")}`,
        dataBase64: "",
      }),
      /fs sandbox helper failed/,
    );
  await failing();
  const before = descriptors();
  for (let count = 0; count < 5; count++) await failing();
  assert.ok(descriptors() <= before);
});

test("programs of helpers that nobody has used for long are removed", async (t) => {
  const g = ground(t);
  const temporary = g.at("ws");
  const state = await openStateDirectory(await statePathIn(temporary));
  const left = ["fs-helper-0a.mjs", "fs-helper-0b.cjs.draft"];
  const now = Date.now();
  for (const name of [...left, "other"]) writeFileSync(`${state.path}/${name}`, "");
  await keepFile(state, "fs-helper-0c.cjs", Buffer.from("c"));
  assert.ok(existsSync(`${state.path}/fs-helper-0a.mjs`));
  t.mock.timers.enable({ apis: ["Date"], now: now + 8 * 24 * 3_600_000 });
  const kept = await keepFile(state, "fs-helper-0c.cjs", Buffer.from("c"));
  assert.ok(existsSync(kept.path));
  for (const name of left) assert.ok(!existsSync(`${state.path}/${name}`), name);
  assert.ok(existsSync(`${state.path}/other`));
});

test("a program that is not to be seen inside is missing, and env says so", async (t) => {
  const g = ground(t);
  const sandbox = sandboxOf([special("minimal", "read"), place(g.at("ws"), "write")]);
  const hidden = g.at("outside/program");
  writeFileSync(hidden, "#!/bin/sh\necho ran\n", { mode: 0o755 });
  for (const program of [hidden, g.at("ws/none"), "no-such-program"]) {
    const request = { argv: [program], env: { PATH: "/usr/bin:/bin" }, cwd: g.at("ws") } as const;
    const text = await g.run(sandbox, request);
    assert.match(text, /^\S*env: .*No such file or directory/);
  }
});

test("a program leads a session of its own inside, and runs without env", async (t) => {
  const g = ground(t);
  for (const program of ["/bin/cat", "cat"]) {
    const argv = [program, "/proc/self/stat", "/proc/1/cmdline"] as const;
    const text = await g.run(g.writing, { argv, env: { PATH: "/usr/bin:/bin" }, cwd: g.at("ws") });
    assert.match(text, /^2 \(cat\) \S 1 1 1 /);
    assert.doesNotMatch(text, /default-signal/);
  }
});

test("a writable root that is missing can be made by the process", async (t) => {
  const g = ground(t);
  const sandbox = workspaceWrite(g.at("ws"), place(g.at("ws/out"), "write"));
  const text = await g.shell("ls -A; mkdir out && echo x > out/made && cat out/made", sandbox);
  assert.match(text, /^\.agents\n\.aws\n\.codex\n\.git\nx\n$/);
  assert.deepEqual(readdirSync(g.at("ws")), ["out"]);
});

test("processes that come and go in one workspace leave each other's mount points alone", async (t) => {
  const g = ground(t);
  const sandbox = workspaceWrite(g.at("ws"), place(g.at("ws/a/b/kept"), "read"));
  const lane = async () => {
    for (let count = 0; count < 8; count++) assert.equal(await g.shell("true", sandbox), "");
  };
  await Promise.all([lane(), lane(), lane()]);
  assert.deepEqual(readdirSync(g.at("ws")), []);
});
