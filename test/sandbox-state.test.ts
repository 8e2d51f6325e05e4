import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { type LocalSandbox, localSandbox } from "../src/sandbox/sandbox.ts";
import { keepFile, openStateDirectory, statePathIn } from "../src/sandbox/state/state-directory.ts";
import { StateKeeper } from "../src/sandbox/state/state-keeper.ts";
import { Ground, secret } from "./support/escape-ground.ts";
import { healthOf, place, uri, workspaceWrite } from "./support/sandboxes.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const ownName = `codex-exec-server-${process.getuid?.()}`;

/** A ground, and a sandbox whose TMPDIR is the folder `temporary` in it. */
function stage(t: TestContext, temporary = "tmp") {
  const ground = new Ground();
  const directory = ground.at(temporary);
  const variables = { PATH: process.env.PATH, TMPDIR: directory };
  const sandbox = localSandbox({ variables, cwd: "/" });
  t.after(async () => {
    await sandbox.close();
    await ground.clear();
  });
  return { ground, sandbox, directory };
}

/** What a sandbox does for its clients: a file that is hidden stays so, another one is written. */
async function checkWorks(ground: Ground, local: LocalSandbox): Promise<void> {
  mkdirSync(ground.at("hidden"), { recursive: true });
  const denied = ["outside/f", "hidden"].map((name) => place(ground.at(name), "deny"));
  const hiding = workspaceWrite(ground.at("ws"), ...denied);
  const text = await ground.shell("cat $OUT/f; ls $OUT/../hidden; echo ran", hiding, local);
  assert.match(text, /Permission denied\n.*Permission denied\nran\n$/);
  assert.doesNotMatch(text, new RegExp(secret));
  const call = local.files().call(hiding);
  await assert.rejects(call("fs/readFile", { path: uri(ground.at("outside/f")) }), /Permission/);
  await call("fs/writeFile", { path: uri(ground.at("ws/new")), dataBase64: "" });
  rmSync(ground.at("ws/new"));
}

/** Every kind of thing that a sandbox keeps there. */
const missing = (ground: Ground) =>
  workspaceWrite(ground.at("ws"), place(ground.at("ws/never"), "read"));

const losses: [title: string, lose: (state: string) => void][] = [
  ["the directory", (state) => rmSync(state, { recursive: true })],
  [
    "its files",
    (state) => {
      for (const name of readdirSync(state)) {
        if (lstatSync(join(state, name)).isFile()) rmSync(join(state, name));
      }
    },
  ],
  ["the mask of files", (state) => rmSync(join(state, "hidden-file"))],
  [
    "the mask of directories",
    (state) => rmSync(join(state, "hidden-directory"), { recursive: true }),
  ],
  ["the marks", (state) => rmSync(join(state, "marks"), { recursive: true })],
];
for (const [title, lose] of losses) {
  test(`a sandbox works again after somebody removed ${title}`, async (t) => {
    const { ground, sandbox, directory } = stage(t);
    mkdirSync(directory);
    await checkWorks(ground, sandbox);
    lose(join(directory, ownName));
    await checkWorks(ground, sandbox);
    assert.equal(await ground.shell("true", missing(ground), sandbox), "");
    assert.deepEqual(readdirSync(ground.at("ws")), []);
    assert.ok(existsSync(join(directory, ownName)));
  });
}

for (const name of ["josé", "日本", "a b\n'$c"]) {
  test(`a sandbox works with the folder ${JSON.stringify(name)}`, async (t) => {
    const { ground, sandbox, directory } = stage(t, name);
    mkdirSync(directory);
    await checkWorks(ground, sandbox);
    assert.equal(await ground.shell("true", missing(ground), sandbox), "");
    assert.deepEqual(readdirSync(ground.at("ws")), []);
    assert.deepEqual(readdirSync(directory), [ownName]);
  });
}

const unusable: [title: string, make: (directory: string) => string | undefined][] = [
  ["is not there", () => undefined],
  [
    "is a file",
    (directory) => {
      writeFileSync(directory, "");
      return undefined;
    },
  ],
  [
    "is below /dev",
    (directory) => {
      const memory = mkdtempSync("/dev/shm/state-");
      symlinkSync(memory, directory);
      return memory;
    },
  ],
];
for (const [title, make] of unusable) {
  test(`a sandbox takes another folder where TMPDIR ${title}`, async (t) => {
    const { ground, sandbox, directory } = stage(t);
    const memory = make(directory);
    t.after(() => memory && rmSync(memory, { recursive: true }));
    assert.deepEqual(await healthOf(sandbox), { available: true });
    await checkWorks(ground, sandbox);
    if (memory) assert.deepEqual(readdirSync(memory), []);
  });
}

const folder = (t: TestContext) => temporaryFolder(t, "/var/tmp/state");

test("what failed is tried again, and never looks like an absent file", async (t) => {
  const directory = join(folder(t), "tmp");
  const keeper = new StateKeeper({ places: [directory, "/dev"], isExposed: () => false });
  const refusal = {
    code: -32603,
    message: /cannot be set up: .*tmp: No such file.*; \/dev: .*To fix it: /,
  };
  await assert.rejects(keeper.state(), refusal);
  mkdirSync(directory);
  assert.equal((await keeper.state()).path, join(directory, ownName));
});

test("a process that is confined cannot put its own in the place of what was removed", async (t) => {
  const { ground, sandbox } = stage(t, "ws/tmp");
  const state = ground.at(`ws/tmp/${ownName}`);
  mkdirSync(ground.at("ws/tmp"));
  const script = `until [ -e go ]; do sleep 0.01; done; mkdir ${state} && echo mine > ${state}/x`;
  const running = ground.shell(
    `touch begun; ${script}; until [ -e end ]; do sleep 0.01; done`,
    ground.writing,
    sandbox,
  );
  while (!existsSync(ground.at("ws/begun"))) await new Promise(setImmediate);
  rmSync(state, { recursive: true });
  await checkWorks(ground, sandbox);
  assert.ok(!existsSync(state), "made again where somebody who runs may write");
  writeFileSync(ground.at("ws/go"), "");
  while (!existsSync(join(state, "x"))) await new Promise(setImmediate);
  await checkWorks(ground, sandbox);
  assert.deepEqual(readdirSync(state), ["x"]);
  writeFileSync(ground.at("ws/end"), "");
  assert.equal(await running, "");
});

test("what could have been put there by somebody else is not used", async (t) => {
  const directory = folder(t);
  const path = await statePathIn(directory);
  const state = await openStateDirectory(path);
  rmSync(state.masks.file);
  writeFileSync(join(directory, "readable"), secret);
  symlinkSync(join(directory, "readable"), state.masks.file);
  await openStateDirectory(path);
  assert.equal(lstatSync(state.masks.file).mode, 0o100000);
  assert.equal(readFileSync(join(directory, "readable"), "utf8"), secret);
  chmodSync(path, 0o777);
  await assert.rejects(openStateDirectory(path), /can be written by other users/);
  rmSync(path, { recursive: true });
  symlinkSync(directory, path);
  await assert.rejects(openStateDirectory(path), /is not this user's directory/);
});

test("a program that has a second name is written anew", async (t) => {
  const state = await openStateDirectory(hostPathOf(join(folder(t), ownName)));
  const first = await keepFile(state, "fs-helper-0.cjs", Buffer.from("program"));
  linkSync(first.path, join(state.path, "second"));
  const next = await keepFile(state, "fs-helper-0.cjs", Buffer.from("program"));
  assert.equal(lstatSync(next.path).nlink, 1);
});
