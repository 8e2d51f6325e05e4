import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { checkup } from "../src/environment/local/checkup.ts";
import { localSandbox } from "../src/sandbox/sandbox.ts";
import { hasOwnMounts, mountHindrance, testInOwnMounts } from "./support/own-mounts.ts";
import { fails } from "./support/process-workbench.ts";
import { healthOf, uri, workspaceWrite } from "./support/sandboxes.ts";

const skip = hasOwnMounts ? false : mountHindrance();

test("in a mount namespace of their own", { skip: skip || hasOwnMounts }, () =>
  testInOwnMounts(import.meta.url),
);

const folders = ["/tmp", "/var/tmp"];
const mount = (...argv: string[]) => execFileSync("mount", argv);

/** A small disk of its own with a workspace and a folder for temporary files, and who writes. */
function stage(t: TestContext, temporary: string) {
  const disk = mkdtempSync("/var/tmp/places-");
  mount("-t", "tmpfs", "-o", "size=300k", "none", disk);
  mkdirSync(join(disk, "tmp"));
  const variables = { PATH: process.env.PATH, TMPDIR: resolve(disk, temporary) };
  const sandbox = localSandbox({ variables, cwd: "/" });
  t.after(async () => {
    await sandbox.close();
    if (temporary === "/tmp") for (const own of folders) spawnSync("umount", ["--lazy", own]);
    spawnSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });
  const workspace = mkdtempSync(join(disk, "ws-"));
  const call = sandbox.files().call(workspaceWrite(workspace));
  const path = uri(join(workspace, "f"));
  return { disk, sandbox, variables, write: () => call("fs/writeFile", { path, dataBase64: "" }) };
}

/** What is in them stays to be seen: this program may be. */
function makeReadOnly(): void {
  for (const folder of folders) {
    mount("--rbind", folder, folder);
    mount("-o", "remount,bind,ro", folder);
  }
}

describe("where no folder for temporary files", { skip: skip || !hasOwnMounts }, () => {
  test("can be written there is no sandbox, and all say so, until one can", async (t) => {
    const { sandbox, variables, write } = stage(t, "/tmp");
    makeReadOnly();
    const { available, reason } = await healthOf(sandbox);
    assert.equal(available, false);
    assert.match(reason ?? "", /\/tmp: Read-only file system .*; \/var\/tmp: .*set TMPDIR/);
    await fails(write(), -32603, reason ?? "");
    const checks = await checkup({ variables, temporaryDirectory: "/tmp" });
    const { status, finding } = checks.find(({ name }) => name === "sandbox") ?? {};
    assert.equal(status, "failed");
    assert.match(finding ?? "", /no folder for temporary files .*\/var\/tmp: Read-only/);
    mount("-o", "remount,bind,rw", "/tmp");
    assert.deepEqual(await healthOf(sandbox), { available: true });
    await write();
  });

  test("has room for a helper, files are written as soon as there is", async (t) => {
    const { disk, write } = stage(t, "tmp");
    writeFileSync(join(disk, "ballast"), Buffer.alloc(280 * 1024));
    const full =
      /: \S*\/tmp\/\S* cannot hold the fs-helper: No space left on device .*To fix it: make room/;
    for (let count = 0; count < 2; count++) await fails(write(), -32603, full);
    const own = join(disk, "tmp", `codex-exec-server-${process.getuid?.()}`);
    assert.ok(!readdirSync(own).some((name) => name.startsWith("fs-helper")));
    rmSync(join(disk, "ballast"));
    await write();
  });
});
