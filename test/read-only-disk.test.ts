import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileRemover } from "../src/environment/local/files/trees/remove-tree.ts";
import { hasOwnMounts, mountHindrance, testInOwnMounts } from "./support/own-mounts.ts";
import { fails } from "./support/process-workbench.ts";
import { uri } from "./support/sandboxes.ts";

const skip = hasOwnMounts ? false : mountHindrance();

test("in a mount namespace of their own", { skip: skip || hasOwnMounts }, () =>
  testInOwnMounts(import.meta.url),
);

describe("a read-only disk", { skip: skip || !hasOwnMounts }, () => {
  test("lets what is not there be removed as any other", async (t) => {
    const disk = mkdtempSync(join(tmpdir(), "read-only-"));
    execFileSync("mount", ["-t", "tmpfs", "none", disk]);
    t.after(() => {
      execFileSync("umount", [disk]);
      rmSync(disk, { recursive: true });
    });
    mkdirSync(join(disk, "folder"));
    writeFileSync(join(disk, "file"), "x");
    execFileSync("mount", ["-o", "remount,ro", disk]);
    const remove = fileRemover();
    for (const absent of ["absent", "folder/absent", "no/such"]) {
      const path = uri(join(disk, absent));
      assert.deepEqual(await remove({ path }), {});
      await fails(remove({ path, force: false }), -32004, "No such file or directory (os error 2)");
    }
    for (const present of ["file", "folder"]) {
      const path = uri(join(disk, present));
      await fails(remove({ path }), -32603, "Read-only file system (os error 30)");
    }
  });
});
