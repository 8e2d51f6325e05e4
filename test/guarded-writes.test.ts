import assert from "node:assert/strict";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileToReplace } from "../src/fs-helper/file-to-write.ts";
import { Holds } from "../src/fs-helper/held-place.ts";
import { Permit } from "../src/fs-helper/permit.ts";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { accessTable } from "../src/sandbox/access.ts";
import { uri } from "./support/sandboxes.ts";

const full = new Error("no space left");

/** A new file whose writing is about to fail. */
function newFile(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "guarded-"));
  const file = join(folder, "file");
  const holds = new Holds();
  t.after(() => {
    holds.release();
    rmSync(folder, { recursive: true });
  });
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
