import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { workshop } from "./support/helper-workshop.ts";
import { withLongerLimits } from "./support/longer-limits.ts";
import { uri, workspaceOnly, workspaceWrite } from "./support/sandboxes.ts";
import { until } from "./support/until.ts";

const dataBase64 = Buffer.from("text").toString("base64");

test("one worker serves all operations of a connection under one policy", async (t) => {
  const { sandbox, policy, file, launches } = workshop(t);
  const call = sandbox.files().call(policy);
  for (const name of ["a", "b", "c"]) await call("fs/writeFile", { path: file(name), dataBase64 });
  assert.equal(launches(), 1);
});

test("another policy and another connection have workers of their own", async (t) => {
  const { sandbox, policy, at, file, launches } = workshop(t);
  const files = sandbox.files();
  await files.call(policy)("fs/writeFile", { path: file("a"), dataBase64 });
  await files.call(workspaceOnly(at("ws")))("fs/readFile", { path: file("a") });
  await sandbox.files().call(policy)("fs/writeFile", { path: file("a"), dataBase64 });
  assert.equal(launches(), 3);
});

test("a policy in other words is the same policy", async (t) => {
  const { sandbox, at, file, launches } = workshop(t);
  const files = sandbox.files();
  for (const root of [at("ws"), `${at("ws")}/`, `${at("ws")}/x/..`]) {
    await files.call(workspaceWrite(root))("fs/writeFile", { path: file("a"), dataBase64 });
  }
  assert.equal(launches(), 1);
});

const changes: Record<string, (at: (name: string) => string) => void> = {
  "a protected name appears": (at) => mkdirSync(at("ws/.git")),
  "the root is another directory": (at) => {
    renameSync(at("ws"), at("old"));
    mkdirSync(at("ws"));
  },
  "its program is another file": (at) => {
    const state = at(`tmp/codex-exec-server-${process.getuid?.()}`);
    const [program = ""] = readdirSync(state).filter((name) => name.startsWith("fs-helper"));
    rmSync(join(state, program));
    writeFileSync(join(state, program), "process.exit(7)");
  },
  "bwrap is another file": (at) => {
    renameSync(at("bin/bwrap"), at("bin/old"));
    writeFileSync(at("bin/bwrap"), readFileSync(at("bin/old")), { mode: 0o755 });
  },
};
for (const [title, change] of Object.entries(changes)) {
  test(`a worker is not used again when ${title}`, async (t) => {
    const { sandbox, policy, at, file, launches } = workshop(t);
    const call = sandbox.files().call(policy);
    await call("fs/writeFile", { path: file("a"), dataBase64 });
    change(at);
    await call("fs/writeFile", { path: file("b"), dataBase64 });
    assert.equal(launches(), 2);
    assert.equal(readFileSync(at("ws/b"), "utf8"), "text");
  });
}

test("a spare that was started ahead serves the first operation", async (t) => {
  const { sandbox, policy, file, launches } = workshop(t);
  sandbox.prepare(policy);
  const call = sandbox.files().call(policy);
  await call("fs/writeFile", { path: file("a"), dataBase64 });
  await call("fs/writeFile", { path: file("b"), dataBase64 });
  assert.ok(launches() <= 2);
  sandbox.prepare(policy);
  await sandbox.files().call(policy)("fs/writeFile", { path: file("c"), dataBase64 });
});

test("a worker that dies fails only what it was doing", async (t) => {
  // The first launch answers that it is confined and dies at its first request.
  const dying = 'read -r line; echo \'{"status":"ok","payload":{}}\'; read -r line; exit 7';
  const script = `[ -e $0.once ] || { : > $0.once; ${dying}; }\nexec $REAL "$@"`;
  const { sandbox, policy, file, launches } = workshop(t, { script });
  const call = sandbox.files().call(policy);
  const write = () => call("fs/writeFile", { path: file("a"), dataBase64 });
  await assert.rejects(write(), {
    code: -32603,
    message: /helper failed with status exit status: 7/,
  });
  await write();
  assert.equal(launches(), 2);
});

test("a worker whose answer cannot be read is asked nothing more", async (t) => {
  const garbling = 'read -r line; echo \'{"status":"ok","payload":{}}\'; read -r line; echo none';
  const script = `[ -e $0.once ] || { : > $0.once; ${garbling}; exec sleep 60; }\nexec $REAL "$@"`;
  const { sandbox, policy, file } = workshop(t, {
    script,
    limits: { operationMs: 5_000 },
  });
  const call = sandbox.files().call(policy);
  const write = () => call("fs/writeFile", { path: file("a"), dataBase64 });
  await assert.rejects(write(), { code: -32603, message: /its answer is no JSON/ });
  await write();
});

test("what was lent to a worker is given back when there can be none", async (t) => {
  let lent = 0;
  const lendJournal = async () => {
    lent++;
    return { fd: 0, isThere: true, finish: async () => void lent-- };
  };
  const { sandbox, at } = workshop(t, { lendJournal });
  mkdirSync(Buffer.concat([Buffer.from(at("ws/")), Buffer.of(0xff)]));
  const folder = uri(at("ws/%FF"));
  const write = sandbox.files().call(workspaceWrite(folder))("fs/writeFile", {
    path: `${folder}/a`,
    dataBase64,
  });
  await assert.rejects(write, { message: /not UTF-8 and cannot be confined/ });
  assert.equal(lent, 0);
});

test("the pool is bounded: an idle worker makes place for another connection", async (t) => {
  const { sandbox, policy, file, launches } = workshop(t, { limits: { workersMax: 1 } });
  const [first, second] = [sandbox.files().call(policy), sandbox.files().call(policy)];
  for (const call of [first, second, first]) {
    await call("fs/writeFile", { path: file("a"), dataBase64 });
  }
  assert.equal(launches(), 3);
});

test("as many idle workers make place as others need", async (t) => {
  const { sandbox, policy, file } = workshop(t, { limits: { workersMax: 2 } });
  const write = () => sandbox.files().call(policy)("fs/writeFile", { path: file("a"), dataBase64 });
  await Promise.all([write(), write()]);
  // None of them becomes idle again, to make place for the other.
  const opens = ["h", "i"].map((handleId) =>
    sandbox.files().call(policy)("fs/open", { handleId, path: file("a"), mode: "read" }),
  );
  assert.deepEqual(await Promise.all(opens), [{ handleId: "h" }, { handleId: "i" }]);
});

test("a worker that comes too late for what it was hired for is idle", async (t) => {
  const script = "[ -e $0.once ] && until [ -e $0.go ]; do sleep 0.01; done; : > $0.once";
  const { sandbox, policy, at, file, launches } = workshop(t, {
    script: `${script}; exec $REAL "$@"`,
    limits: { crowdMs: 1 },
  });
  const call = sandbox.files().call(policy);
  const write = (text: string) => call("fs/writeFile", { path: file("a"), dataBase64: text });
  await write(dataBase64);
  const large = Buffer.alloc(8 * 1024 * 1024).toString("base64");
  await Promise.all([write(large), write(dataBase64)]);
  writeFileSync(at("bin/bwrap.go"), "");
  await until("an idle worker", () => sandbox.helperCensus().idle === 2);
  assert.equal(launches(), 2);
});

test("an open file stays with its worker, which is kept for it", (t) =>
  withLongerLimits(1_000, async (startMs) => {
    const limits = { workersMax: 1, startMs, idleMs: 1 };
    const { sandbox, policy, at, file } = workshop(t, { limits });
    const files = sandbox.files();
    await files.call(policy)("fs/open", { handleId: "h", path: file("a"), mode: "replace" });
    assert.equal(files.holds("h"), true);
    const other = sandbox.files().call(policy)("fs/writeFile", { path: file("b"), dataBase64 });
    await assert.rejects(other, { message: /hold open files: close file handles/ });
    renameSync(at("ws/a"), at("ws/moved"));
    await files.openFiles("fs/writeBlock", { handleId: "h", offset: 0, chunk: dataBase64 });
    await files.openFiles("fs/close", { handleId: "h" });
    assert.equal(files.holds("h"), false);
    assert.equal(readFileSync(at("ws/moved"), "utf8"), "text");
    await sandbox.files().call(policy)("fs/writeFile", { path: file("b"), dataBase64 });
  }));

test("what was asked for before the connection ended is done, and then the worker goes", async (t) => {
  const script = 'while ! [ -e $0.go ]; do sleep 0.01; done\nexec $REAL "$@"';
  const { sandbox, policy, at, file } = workshop(t, { script });
  const files = sandbox.files();
  const call = files.call(policy);
  const writes = ["a", "b"].map((name) => call("fs/writeFile", { path: file(name), dataBase64 }));
  const open = call("fs/open", { handleId: "h", path: file("c"), mode: "replace" });
  files.close();
  writeFileSync(at("bin/bwrap.go"), "");
  assert.deepEqual(await Promise.all(writes), [{}, {}]);
  await open;
  // Such as one that had to wait for another request of its connection.
  await call("fs/writeFile", { path: file("d"), dataBase64 });
  assert.equal(readFileSync(at("ws/d"), "utf8"), "text");
  await nobodyLeft(sandbox);
  assert.equal(files.holds("h"), false);
});

async function nobodyLeft(sandbox: ReturnType<typeof workshop>["sandbox"]): Promise<void> {
  const { busy, idle } = sandbox.helperCensus();
  if (busy + idle === 0) return;
  await setImmediate();
  return nobodyLeft(sandbox);
}

test("a worker that only holds files open goes with its connection", async (t) => {
  const { sandbox, policy, file } = workshop(t);
  const files = sandbox.files();
  await files.call(policy)("fs/open", { handleId: "h", path: file("a"), mode: "replace" });
  files.close();
  await nobodyLeft(sandbox);
  const late = files.call(policy)("fs/open", { handleId: "i", path: file("a"), mode: "read" });
  await assert.rejects(late, { message: /connection that would hold the file has ended/ });
});

test("so does one that was hired when the one before had long been idle and gone", async (t) => {
  const { sandbox, policy, file } = workshop(t, { limits: { idleMs: 1 } });
  const files = sandbox.files();
  const call = files.call(policy);
  await call("fs/writeFile", { path: file("a"), dataBase64 });
  await until("the end of the first worker", () => sandbox.helperCensus().idle === 0);
  await call("fs/open", { handleId: "h", path: file("a"), mode: "replace" });
  files.close();
  await until("the end of the second worker", () => sandbox.helperCensus().busy === 0);
});

test("when the server ends nothing more is started", async (t) => {
  const { sandbox, policy, file, launches } = workshop(t);
  const call = sandbox.files().call(policy);
  await call("fs/writeFile", { path: file("a"), dataBase64 });
  await sandbox.close();
  const late = call("fs/writeFile", { path: file("b"), dataBase64 });
  await assert.rejects(late, { message: /the server has ended/ });
  assert.equal(launches(), 1);
  assert.deepEqual(sandbox.helperCensus(), { busy: 0, idle: 0, waiting: 0 });
});
