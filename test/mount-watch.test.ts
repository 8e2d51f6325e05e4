import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { loadLibc } from "../src/environment/local/libc/libc.ts";
import { mountWatch } from "../src/environment/local/libc/mount-watch.ts";
import { localSandbox } from "../src/sandbox/sandbox.ts";
import { hasOwnMounts, mountHindrance, testInOwnMounts } from "./support/own-mounts.ts";
import { uri, workspaceWrite } from "./support/sandboxes.ts";

/** Elsewhere the mounts of other tests would come and go meanwhile. */
const skip = hasOwnMounts ? false : mountHindrance();

test("in a mount namespace of their own", { skip: skip || hasOwnMounts }, () =>
  testInOwnMounts(import.meta.url),
);

const mountAt = (place: string) => execFileSync("mount", ["-t", "tmpfs", "none", place]);

/** A watch begins in the turn in which the native functions are there. */
async function untilWatching(): Promise<void> {
  await loadLibc();
  await setImmediate();
}

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "watched-"));
  t.after(() => {
    spawnSync("umount", ["--recursive", path]);
    spawnSync("umount", [join(path, "ws/mounted")]);
    rmSync(path, { recursive: true });
  });
  return path;
}

describe("the watch over mounts", { skip: skip || !hasOwnMounts }, () => {
  test("tells once of a mount that comes, changes or goes, and of nothing else", async (t) => {
    const hasChanged = mountWatch();
    const place = directory(t);
    await untilWatching();
    assert.equal(hasChanged(), true, "nothing is known at first");
    const changes = [
      () => mountAt(place),
      () => execFileSync("mount", ["-o", "remount,bind,ro", place]),
      () => execFileSync("umount", [place]),
    ];
    for (const change of changes) {
      assert.equal(hasChanged(), false);
      change();
      assert.equal(hasChanged(), true);
    }
    assert.equal(hasChanged(), false);
  });

  test("lets what is mounted in a workspace count for the next operation", async (t) => {
    const top = directory(t);
    for (const name of ["ws", "ws/mounted", "tmp"]) mkdirSync(join(top, name));
    const variables = { PATH: process.env.PATH, TMPDIR: join(top, "tmp") };
    const sandbox = localSandbox({ variables, cwd: "/", mountWatch: mountWatch() });
    await untilWatching();
    t.after(() => sandbox.close());
    const call = sandbox.files().call(workspaceWrite(join(top, "ws")));
    const write = (name: string) =>
      call("fs/writeFile", { path: uri(join(top, "ws/mounted", name)), dataBase64: "eA==" });
    await write("below");
    mountAt(join(top, "ws/mounted"));
    await write("above");
    assert.equal(existsSync(join(top, "ws/mounted/above")), true);
    assert.equal(existsSync(join(top, "ws/mounted/below")), false);
    execFileSync("umount", [join(top, "ws/mounted")]);
    await write("below again");
    assert.equal(existsSync(join(top, "ws/mounted/below again")), true);
    assert.equal(existsSync(join(top, "ws/mounted/above")), false);
  });
});
