import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const cwd = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program that may have few descriptors, and can take all that are left. */
async function runLimited(program: string): Promise<string> {
  const whole = `
    import { closeSync, openSync } from "node:fs";
    async function withoutDescriptors(work) {
      const fds = [];
      try {
        for (;;) fds.push(openSync("/dev/null"));
      } catch {
        // All are taken.
      }
      const [outcome] = await Promise.allSettled([work()]);
      for (const fd of fds) closeSync(fd);
      return outcome;
    }
    ${program}`;
  const node = ["--import", "tsx", "--input-type=module", "-e", whole];
  const limited = ["-c", 'ulimit -n 100; exec "$0" "$@"', process.execPath, ...node];
  return (await promisify(execFile)("/bin/sh", limited, { cwd })).stdout;
}

test("the secret that outlives a server is found when there are descriptors again", async () => {
  const stdout = await runLimited(`
    import { machineSecret } from "./src/environment/local/journal/machine-secret.ts";
    import { loadLibc } from "./src/environment/local/libc/libc.ts";
    await loadLibc().catch(() => undefined);
    const before = await withoutDescriptors(machineSecret);
    const now = await machineSecret();
    const hex = (secret) => secret?.toString("hex");
    const { machineSecret: ofAnother } = await import(
      "./src/environment/local/journal/machine-secret.ts?another"
    );
    console.log(before.value, hex(now) === hex(await ofAnother()));`);
  assert.equal(stdout, "undefined true\n");
});

test("mount points go with a server that could not start who removes them at first", async (t) => {
  const folder = temporaryFolder(t, "passing");
  for (const name of ["marks", "workspace"]) mkdirSync(join(folder, name));
  const stdout = await runLimited(`
    import { MountPoints } from "./src/sandbox/mount-points/mount-points.ts";
    const points = new MountPoints(async () => "${folder}/marks");
    const make = () => points.make([{ path: "${folder}/workspace/.git", isMissing: true }]);
    const { status } = await withoutDescriptors(make);
    const { paths } = await make();
    console.log(status, paths.size);
    process.exit();`);
  assert.equal(stdout, "rejected 1\n");
  await until("the end of the mount point", () => !existsSync(join(folder, "workspace/.git")));
  await until("the end of its mark", () => readdirSync(join(folder, "marks")).length === 0);
});

test("mount points that are needed no more go when there are descriptors again", async (t) => {
  const folder = temporaryFolder(t, "passing");
  for (const name of ["marks", "workspace"]) mkdirSync(join(folder, name));
  const stdout = await runLimited(`
    import { readdirSync } from "node:fs";
    import { setImmediate } from "node:timers/promises";
    import { MountPoints } from "./src/sandbox/mount-points/mount-points.ts";
    const points = new MountPoints(async () => "${folder}/marks");
    const { release } = await points.make([{ path: "${folder}/workspace/.git", isMissing: true }]);
    let released;
    await withoutDescriptors(async () => {
      released = release();
      await setImmediate();
    });
    await released.catch(() => undefined);
    console.log(readdirSync("${folder}/workspace"), readdirSync("${folder}/marks"));
    points.close();`);
  assert.equal(stdout, "[] []\n");
});

test("what is to be hidden of the system is not taken for known without descriptors", async () => {
  const stdout = await runLimited(`
    import { outerMounts } from "./src/system/outer-mounts.ts";
    import { surveyPlatform } from "./src/sandbox/policy/platform.ts";
    const first = await withoutDescriptors(surveyPlatform);
    // Has its descriptor from now on, so that the host keys of SSH are all that cannot be seen.
    outerMounts();
    const second = await withoutDescriptors(surveyPlatform);
    console.log(first.status, second.status, (await surveyPlatform()).minimal.length > 0);`);
  assert.equal(stdout, "rejected rejected true\n");
});

test("mounts that could not be read when they had changed are read when they can be", async () => {
  const stdout = await runLimited(`
    import { mountsNow, watchOuterMounts } from "./src/system/outer-mounts.ts";
    const told = [true];
    watchOuterMounts(() => told.pop() ?? false);
    const { status } = await withoutDescriptors(async () => mountsNow());
    console.log(status, mountsNow().includes(" / "));`);
  assert.equal(stdout, "rejected true\n");
});

test("who cleans up after a server without native functions is there as soon as it can be", async () => {
  const stdout = await runLimited(`
    import { setImmediate } from "node:timers/promises";
    import { createSpawner } from "./src/environment/local/spawn/create-spawner.ts";
    import { keepersOf } from "./test/support/process-table.ts";
    const spawner = await createSpawner({ kind: "node" });
    await withoutDescriptors(async () => {
      spawner.ownVariables();
      await setImmediate();
    });
    const before = keepersOf(process.pid).length;
    spawner.ownVariables();
    console.log(before, keepersOf(process.pid).length);
    await spawner.close();`);
  assert.equal(stdout, "0 1\n");
});
