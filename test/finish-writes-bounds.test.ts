/** What must not stand in the way of finishing writes, and what must not be done by it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { packHeader } from "../src/environment/local/journal/entry.ts";
import { JournalFolder } from "../src/environment/local/journal/folder.ts";
import { grantsPath, keepGrants } from "../src/environment/local/journal/lent.ts";
import { seal, sealName } from "../src/environment/local/journal/seal.ts";
import { JournalSlip } from "../src/environment/local/journal/slip.ts";
import type { HostPath } from "../src/protocol/path-uri.ts";
import {
  entryOf,
  finish,
  type Ground,
  leave,
  leaveFolder,
  leaveSlip,
  leftName,
  makeGround,
  newEntry,
  secret,
  torn,
  wanted,
} from "./support/left-writes.ts";

/** A file in the middle of a write. */
function tornFile(ground: Ground, name = "f"): string {
  writeFileSync(ground.path(name), torn);
  return ground.path(name);
}

const fresh = (ground: Ground) => join(ground.journals, leftName());
const elsewhere = (ground: Ground) =>
  join(ground.journals, leftName().replace(/^([^_]+)_[^_]+/, "$1_elsewhere"));

test("what a server of another container was killed at is finished at once", async (t) => {
  const ground = makeGround(t);
  const file = tornFile(ground);
  const folder = new JournalFolder({
    path: elsewhere(ground),
    secrets: async () => [secret],
    isExposed: () => false,
  });
  await folder.make();
  await leaveSlip(folder.path, entryOf(file));
  assert.deepEqual((await finish(ground)).finished, []);
  assert.deepEqual(readFileSync(file), torn);
  // As the kernel does when the process is gone.
  folder.unlock();
  assert.deepEqual((await finish(ground)).finished, [file]);
  assert.deepEqual(readdirSync(ground.journals), []);
});

test("what cannot be finished in time is left for the next start, and written no more", async (t) => {
  const ground = makeGround(t);
  const content = Buffer.alloc(64 * 1024 * 1024, "n");
  const file = ground.path("f");
  writeFileSync(file, "old");
  leaveFolder(fresh(ground));
  const slip = new JournalSlip(join(left(ground), "0"));
  await slip.record(entryOf(file), content);
  // Too short for so much, wherever it is when the time is over.
  assert.deepEqual((await finish(ground, 1)).finished, []);
  renameSync(left(ground), fresh(ground));
  assert.deepEqual((await finish(ground)).finished, [file]);
  assert.ok(readFileSync(file).equals(content));
});

describe("a bad entry is told once, and keeps no other one from being finished", () => {
  const rows: [string, (ground: Ground) => unknown][] = [
    [
      "a file with the name of a folder",
      (ground) => writeFileSync(fresh(ground).replace(/.{4}$/, "0000"), "x"),
    ],
    ["a folder in a folder", (ground) => leaveInside(ground, "0")],
    ["an entry that is no JSON", (ground) => leaveBytes(ground, "no entry")],
    ["an entry without a path", (ground) => leaveBytes(ground, "{}")],
    ["an entry that is null", (ground) => leaveBytes(ground, "null")],
    ["a record that says it is endless", (ground) => leaveBytes(ground, "{}", 10 ** 14)],
    [
      "a slip that was lent to nobody knows whom",
      (ground) => leaveSlip(fresh(ground), entryOf(ground.path("f")), "lent-"),
    ],
  ];
  for (const [title, prepare] of rows) {
    test(title, async (t) => {
      const ground = makeGround(t);
      const [file, good] = [tornFile(ground), tornFile(ground, "good")];
      await prepare(ground);
      await leave(ground, entryOf(good));
      const { finished, failures } = await finish(ground);
      assert.deepEqual(finished, [good]);
      assert.equal(failures.length, 1, failures.join("\n"));
      assert.deepEqual(readFileSync(file), torn);
      assert.deepEqual(readdirSync(ground.journals), []);
      assert.deepEqual(await finish(ground), { finished: [], failures: [] });
    });
  }
});

describe("what bears no seal is removed, told of, and not done", () => {
  const rows: [string, (ground: Ground) => unknown][] = [
    ["without one", (ground) => rmSync(join(left(ground), sealName))],
    ["with another one's", (ground) => copySeal(ground)],
    ["with one by another secret", (ground) => resealBy(ground, Buffer.alloc(32))],
    ["with a pipe", (ground) => resealAs(ground, (path) => execFileSync("mkfifo", [path]))],
    ["with a link", (ground) => resealAs(ground, (path) => symlinkSync("/dev/zero", path))],
    ["with an endless one", (ground) => resealAs(ground, (path) => writeFileSync(path, endless))],
  ];
  for (const [title, spoil] of rows) {
    test(title, async (t) => {
      const ground = makeGround(t);
      const file = tornFile(ground);
      await leave(ground, entryOf(file));
      spoil(ground);
      const { finished, failures } = await finish(ground);
      assert.deepEqual(finished, []);
      assert.match(failures.join("\n"), /^\S+ bears no seal of a server of this user, .*$/);
      assert.deepEqual(readFileSync(file), torn);
      assert.deepEqual(readdirSync(ground.journals), []);
    });
  }

  test("and what it links to stays", async (t) => {
    const ground = makeGround(t);
    mkdirSync(ground.path("kept"));
    writeFileSync(ground.path("kept/f"), "kept");
    const name = leftName();
    symlinkSync(ground.path("kept"), join(ground.journals, name));
    mkdirSync(join(ground.journals, leftName()));
    assert.equal((await finish(ground)).failures.length, 1);
    assert.equal(readFileSync(ground.path("kept/f"), "utf8"), "kept");
    assert.deepEqual(readdirSync(ground.journals), []);
  });
});

const endless = "0".repeat(1_000_000);

/** The only folder that was left. */
const left = (ground: Ground) => join(ground.journals, readdirSync(ground.journals)[0] ?? "");

function resealAs(ground: Ground, make: (path: string) => unknown): void {
  rmSync(join(left(ground), sealName));
  make(join(left(ground), sealName));
}

const resealBy = (ground: Ground, other: Buffer) =>
  resealAs(ground, () => seal(left(ground), [other]));

function copySeal(ground: Ground): void {
  const other = ground.path("other");
  leaveFolder(other);
  resealAs(ground, (path) => copyFileSync(join(other, sealName), path));
}

function leaveInside(ground: Ground, name: string): void {
  const folder = fresh(ground);
  leaveFolder(folder);
  mkdirSync(join(folder, name));
}

function leaveBytes(ground: Ground, entry: string, contentBytes = 0): void {
  const folder = fresh(ground);
  leaveFolder(folder);
  const header = packHeader({ entryBytes: entry.length, contentBytes });
  writeFileSync(join(folder, "0"), Buffer.concat([header, Buffer.from(entry)]));
}

/** Leaves a record that a worker has made who may write `ws` but not `ws/kept`. */
async function leaveLent(ground: Ground, entry: ReturnType<typeof entryOf>): Promise<void> {
  const folder = fresh(ground);
  leaveFolder(folder);
  const rules = [
    { path: ground.path("ws") as HostPath, access: "write" },
    { path: ground.path("ws/kept") as HostPath, access: "read" },
    { path: "/" as HostPath, access: "read" },
  ] as const;
  keepGrants(join(folder, "lent-1"), { rules, denyGlobs: [] });
  await leaveSlip(folder, entry, "lent-");
  assert.ok(existsSync(grantsPath(join(folder, "lent-1"))));
}

function workspace(t: TestContext): Ground {
  const ground = makeGround(t);
  mkdirSync(ground.path("ws/kept"), { recursive: true });
  return ground;
}

describe("what a sandboxed worker was killed at", () => {
  test("is finished where it could write, without the worker's sandbox", async (t) => {
    const ground = workspace(t);
    const file = tornFile(ground, "ws/f");
    await leaveLent(ground, entryOf(file));
    assert.deepEqual((await finish(ground)).finished, [file]);
    assert.deepEqual(readFileSync(file), wanted);
  });

  const forged: [string, (ground: Ground) => ReturnType<typeof entryOf>][] = [
    ["beside it", (ground) => entryOf(tornFile(ground))],
    ["in what is kept from it", (ground) => entryOf(tornFile(ground, "ws/kept/f"))],
    [
      "beside it by a way round",
      (ground) => ({
        ...entryOf(tornFile(ground)),
        path: `${ground.path("ws")}/../f` as HostPath,
      }),
    ],
    [
      "beside it as a new file",
      (ground) => {
        writeFileSync(ground.path("f"), "");
        return newEntry(ground.folder, "f");
      },
    ],
    [
      "beside it as a new file by a way round",
      (ground) => {
        writeFileSync(ground.path("f"), "");
        return { ...newEntry(ground.folder, "f"), path: `${ground.path("ws")}/../f` as HostPath };
      },
    ],
  ];
  for (const [title, forge] of forged) {
    test(`is not finished, whatever it recorded, ${title}`, async (t) => {
      const ground = workspace(t);
      await leaveLent(ground, forge(ground));
      const file = [ground.path("f"), ground.path("ws/kept/f")].find((path) => existsSync(path));
      const before = readFileSync(file ?? "");
      assert.deepEqual(await finish(ground), { finished: [], failures: [] });
      assert.deepEqual(readFileSync(file ?? ""), before);
      assert.deepEqual(readdirSync(ground.journals), []);
    });
  }
});
