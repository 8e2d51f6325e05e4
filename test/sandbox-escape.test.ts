import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { localSandbox } from "../src/sandbox/sandbox.ts";
import { fileReads, fileWrites } from "./support/escape-file-calls.ts";
import { Ground, hardLinkInto, secret } from "./support/escape-ground.ts";
import { hide, missing, patterns } from "./support/escape-policies.ts";
import { hasPython, programs, pythonScript, scripts } from "./support/escape-programs.ts";
import { glob, place, sandboxOf, special, uri, workspaceWrite } from "./support/sandboxes.ts";

async function onGround(work: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = new Ground();
  try {
    await work(ground);
  } finally {
    await ground.clear();
  }
}

const concealed = () => undefined;

for (const [title, attempt] of Object.entries(fileWrites)) {
  test(`a file operation does not get out by ${title}`, () =>
    onGround(async (ground) => {
      await attempt(ground).catch(concealed);
      assert.deepEqual(ground.damage(), []);
      await ground.checkThatFilesWork(ground.writing);
    }));
}

for (const [title, attempt] of Object.entries(fileReads)) {
  test(`a file operation does not see what is not granted: ${title}`, () =>
    onGround(async (ground) => {
      const result = await attempt(ground).catch(concealed);
      assert.ok(
        result === undefined || !`${JSON.stringify(result)}`.includes(encoded),
        `${result}`,
      );
      if (!/swapped/.test(title)) assert.equal(result, undefined);
      await ground.checkThatFilesWork(ground.only);
    }));
}
const encoded = Buffer.from(secret).toString("base64").slice(0, 12);

for (const [title, script] of Object.entries(scripts)) {
  test(`a confined process does not get out by ${title}`, () =>
    onGround(async (ground) => {
      const text = await ground.shell(`(${script}); echo tried`);
      assert.deepEqual(ground.damage(), [], text);
      assert.match(text, /^tried$/m);
    }));
}

for (const [title, program] of Object.entries(programs)) {
  test(`a confined process is refused ${title}`, { skip: !hasPython }, () =>
    onGround(async (ground) => {
      const text = await ground.shell(pythonScript(program));
      assert.doesNotMatch(text, /ESCAPED/);
      assert.match(text, /Error|Bad system call|Operation not permitted/);
    }),
  );
}

for (const [title, prepare] of Object.entries(patterns)) {
  test(`nobody reads what a deny pattern names with ${title}`, () =>
    onGround(async (ground) => {
      const { name, sandbox } = prepare(ground);
      const read = ground.files(sandbox).readFile({ path: pathToFileURL(ground.at(name)).href });
      await assert.rejects(read, /Permission denied|cannot be listed/);
      const reading = ground.shell(`cat "$WS/${name.slice(3)}"`, sandbox);
      const text = await reading.catch((error: Error) => error.message);
      assert.match(text, /Permission denied|cannot be listed/);
    }));
}

for (const [title, prepare] of Object.entries(missing)) {
  test(`a confined process does not make ${title}`, () =>
    onGround(async (ground) => {
      const { sandbox, script } = prepare(ground);
      const before = readdirSync(ground.at("ws"));
      const text = await ground.shell(script, sandbox);
      assert.ok(!existsSync(ground.at("ws/a/b/kept/planted")), text);
      assert.match(text, /Read-only|Permission denied|Not a directory|busy/, text);
      assert.deepEqual(readdirSync(ground.at("ws")), before);
    }));
}

test("a folder that becomes a link while it is mounted opens nothing", () =>
  onGround(async (ground) => {
    hide(ground, "ws/d/x.key");
    hide(ground, "outside/x.key");
    mkdirSync(ground.at("swap"));
    const sandbox = workspaceWrite(ground.at("ws"), glob(ground.at("ws/*/x.key")));
    ground.race("mv -T ws/d swap/d; ln -s ../outside ws/d; rm ws/d; mv -T swap/d ws/d");
    const script =
      "echo planted > d/f; echo planted > $OUT/f; cat $WS/d/x.key; echo changed > d/x.key";
    for (let count = 0; count < 40; count++) {
      const text = await ground.shell(script, sandbox).catch(concealed);
      assert.equal(readFileSync(ground.at("outside/f"), "utf8"), secret, text);
      assert.equal(readFileSync(ground.at("outside/x.key"), "utf8"), secret, text);
    }
  }));

test("beside what is kept from coming into being everything else may", () =>
  onGround(async (ground) => {
    const kept = [place(ground.at("ws/a/b/kept"), "read"), place(ground.at("ws/a/c"), "deny")];
    const sandbox = workspaceWrite(ground.at("ws"), ...kept);
    await Promise.all([ground.shell("echo x > a/f", sandbox), ground.shell("true", sandbox)]);
    assert.deepEqual(readdirSync(ground.at("ws/a")), ["f"]);
  }));

const readOnly = sandboxOf([special("root", "read")]);
const controls = [
  "sys/kernel/core_pattern",
  "sys/vm/overcommit_memory",
  "sys/fs/suid_dumpable",
  "irq/default_smp_affinity",
];
const policies = { "what may only read": readOnly, "a workspace": workspaceWrite("/var/tmp") };

for (const [title, sandbox] of Object.entries(policies)) {
  test(`settings of the whole machine cannot be opened for writing by ${title}`, () =>
    onGround(async (ground) => {
      const opening = (name: string) => `(: >> /proc/${name}) 2>&1 && echo OPENED`;
      const text = await ground.shell(controls.map(opening).join("; "), sandbox);
      assert.doesNotMatch(text, /OPENED/);
      assert.equal(text.match(/Read-only file system|Permission denied/g)?.length, controls.length);
    }));
}

test("directories on the way to what is cut out of a workspace cannot be moved away", () =>
  onGround(async (ground) => {
    for (const name of ["a/b/ro", "a/b/hidden"]) {
      mkdirSync(ground.at(`ws/${name}`), { recursive: true });
      writeFileSync(ground.at(`ws/${name}/f`), secret);
    }
    writeFileSync(ground.at("ws/a/b/k.key"), secret);
    const cut = [place(ground.at("ws/a/b/ro"), "read"), place(ground.at("ws/a/b/hidden"), "deny")];
    const sandbox = workspaceWrite(ground.at("ws"), ...cut, glob(ground.at("ws/**/*.key")));
    const text = await ground.shell(moveAway, sandbox);
    assert.equal(readFileSync(ground.at("ws/a/b/ro/f"), "utf8"), secret, text);
    assert.doesNotMatch(text, new RegExp(secret));
    assert.deepEqual(readdirSync(ground.at("ws")), ["a"]);
  }));
const moveAway =
  "mv a/b a/c; mv a d; mkdir -p a/b/ro; echo planted > a/b/ro/f; " +
  "cat a/c/hidden/f d/b/hidden/f a/c/k.key d/b/k.key a/b/k.key";

test("the server's directory cannot be replaced from inside, behind a link and in a folder", () =>
  onGround(async (ground) => {
    mkdirSync(ground.at("ws/x/y"), { recursive: true });
    symlinkSync(ground.at("ws/x/y"), ground.at("swap"));
    const { PATH } = process.env;
    const variables = { PATH, TMPDIR: ground.at("swap") };
    const local = localSandbox({ variables, cwd: "/" });
    try {
      const write = (name: string) =>
        local.files().call(ground.writing)("fs/writeFile", {
          path: uri(ground.at(`ws/${name}`)),
          dataBase64: "",
        });
      await write("first");
      const text = await ground.shell(replaceState, ground.writing, local);
      assert.match(text, /Read-only file system/);
      assert.match(text, /busy/);
      await write("second");
    } finally {
      await local.close();
    }
  }));
const replaceState =
  "cd x/y/codex-exec-server-*/ && for f in fs-helper*; do echo 'process.exit(7)' > $f; rm -f $f; " +
  "done; ln -s / marks/m; cd ../../..; mv x/y x/z; mv x z";

test("the end of one process does not uncover what another one needs covered", () =>
  onGround(async (ground) => {
    const waiting = "echo; read -r x < go; rm -rf .git; mkdir .git; : > .git/planted";
    execFileSync("mkfifo", [ground.at("ws/go")]);
    const second = ground.shell(waiting);
    await ground.shell("true");
    const text = await Promise.all([second, ground.shell("echo > go")]);
    assert.deepEqual(ground.damage(), [], text.join());
    assert.match(text.join(), /Read-only file system|busy/);
    assert.deepEqual(readdirSync(ground.at("ws")), ["go"]);
  }));

test("a variable does not go on as options that open the sandbox", () =>
  onGround(async (ground) => {
    const cwd = ground.at("ws");
    const argv = ["/bin/true"] as const;
    for (const env of [{ A: "a\0--bind\0/\0/" }, { "A\0a\0--bind\0/\0/\0--setenv\0B": "b" }]) {
      const confined = ground.sandbox.confine(ground.writing, { argv, env, cwd });
      await assert.rejects(confined, /nul byte/);
    }
  }));

test("a file that the workspace shares by a hard link is part of it", () =>
  onGround(async (ground) => {
    hardLinkInto(ground);
    const dataBase64 = Buffer.from("changed").toString("base64");
    await ground.files(ground.writing).writeFile({ path: uri(ground.at("ws/h")), dataBase64 });
    assert.equal(readFileSync(ground.at("outside/f"), "utf8"), "changed");
  }));

test("a link to what a worker has open leads nowhere", () =>
  onGround(async (ground) => {
    const everything = workspaceWrite("/var/tmp");
    for (const fd of [0, 1, 3]) {
      ground.link(`ws/fd${fd}`, `/proc/self/fd/${fd}`);
      const path = `file://${ground.at(`ws/fd${fd}`)}`;
      const files = ground.files(ground.only);
      await assert.rejects(files.readFile({ path }), /No such file|Permission denied/);
      const writing = ground.files(everything).writeFile({ path, dataBase64: "eA==" });
      await assert.rejects(writing, /Read-only file system|No such file|Permission denied/);
    }
  }));
