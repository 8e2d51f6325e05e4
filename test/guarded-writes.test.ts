import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { directFileSystem } from "../src/environment/local/files/direct-file-system.ts";
import { openFiles } from "../src/environment/local/files/open-files.ts";
import { fileToReplace } from "../src/fs-helper/file-to-write.ts";
import { guardedFileSystem } from "../src/fs-helper/guarded-file-system.ts";
import { Holds } from "../src/fs-helper/held-place.ts";
import { Permit } from "../src/fs-helper/permit.ts";
import { type HostPath, hostPathOf } from "../src/protocol/path-uri.ts";
import { accessTable } from "../src/sandbox/policy/access.ts";
import { uri } from "./support/sandboxes.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const full = new Error("no space left");

/** A new file whose writing is about to fail. */
function newFile(t: TestContext) {
  const folder = temporaryFolder(t, "guarded");
  const file = join(folder, "file");
  const holds = new Holds();
  t.after(() => holds.release());
  const rules = [{ path: hostPathOf(folder), access: "write" as const }];
  const permit = new Permit(accessTable({ rules, denyGlobs: [] }));
  const { undo } = fileToReplace({ path: uri(file) }, holds, permit);
  return { folder, file, fail: () => undo(full) };
}

test("a new file that could not be written is gone", (t) => {
  const { folder, fail } = newFile(t);
  assert.deepEqual(readdirSync(folder), ["file"]);
  assert.throws(fail, full);
  assert.deepEqual(readdirSync(folder), []);
});

test("a new file that could not be written takes no other along that has its name now", (t) => {
  const { folder, file, fail } = newFile(t);
  writeFileSync(join(folder, "other"), "other");
  renameSync(join(folder, "other"), file);
  assert.throws(fail, full);
  assert.equal(readFileSync(file, "utf8"), "other");
});

test("why a new file could not be written is told also when it is gone already", (t) => {
  const { file, fail } = newFile(t);
  unlinkSync(file);
  assert.throws(fail, full);
});

const otherKinds: Record<string, (path: string) => void> = {
  nothing: () => {},
  "a link": (path) => symlinkSync("nowhere", path),
};
for (const [kind, make] of Object.entries(otherKinds)) {
  test(`a copy that began when there was ${kind} writes nothing through a link`, async (t) => {
    const folder = temporaryFolder(t, "guarded");
    const at = (name: string) => join(folder, name);
    const rules = [
      { path: hostPathOf(folder), access: "write" as const },
      { path: hostPathOf(at(".git")), access: "read" as const },
    ];
    const direct = { ...directFileSystem(), ...openFiles() };
    const files = guardedFileSystem(direct, accessTable({ rules, denyGlobs: [] }));
    make(at("source"));
    symlinkSync(".git", at("to"));
    const paths = { sourcePath: uri(at("source")), destinationPath: uri(at("to")) };
    const copy = assert.rejects(async () => files.copy({ ...paths, recursive: false }));
    // It has looked at both by now, and not yet begun to read.
    rmSync(at("source"), { force: true });
    writeFileSync(at("source"), "gitdir: elsewhere");
    await copy;
    assert.ok(!existsSync(at(".git")));
  });
}

test("a mount point that is made in a tree while that is removed stays", async (t) => {
  const folder = temporaryFolder(t, "guarded");
  const kept = join(folder, "a/b/kept");
  mkdirSync(join(folder, "a/b"), { recursive: true });
  const rules = [
    { path: hostPathOf(folder), access: "write" as const },
    { path: hostPathOf(kept), access: "read" as const },
  ];
  const table = accessTable({ rules, denyGlobs: [] });
  // The server, at the moment that counts: it has been found that there is none yet.
  const hasRule = (path: HostPath) => {
    if (path === join(folder, "a")) mkdirSync(kept);
    return table.hasRule(path);
  };
  const direct = { ...directFileSystem(), ...openFiles() };
  const files = guardedFileSystem(direct, { ...table, hasRule });
  const remove = async () => files.remove({ path: uri(join(folder, "a")) });
  await assert.rejects(remove, /os error 16/);
  assert.ok(existsSync(kept));
});
