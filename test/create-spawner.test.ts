import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";

test("on Linux processes are started natively, with nothing to complain of", async () => {
  const spawner = await createSpawner();
  assert.deepEqual(spawner.capabilities, {
    kind: "posix",
    tty: true,
    treeKill: "tag",
    parentDeath: true,
    reasons: [],
  });
  await spawner.close();
});

const shortages: Readonly<Record<string, string>> = {
  descriptors: `
    const fds = [];
    const begin = () => {
      try {
        for (;;) fds.push(openSync("/dev/null"));
      } catch {}
    };
    const end = () => fds.forEach((fd) => closeSync(fd));`,
  // Root may have as many as it likes. Node's pool of threads starts with its first work, and ends
  // the program when it cannot.
  processes: `
    await stat("/");
    const libc = await loadLibc();
    if (process.getuid() === 0) process.setuid(65534);
    const limits = new BigUint64Array(2);
    libc.prlimit(0, 6, null, limits);
    const begin = () => libc.prlimit(0, 6, BigUint64Array.of(0n, limits[1]), null);
    const end = () => libc.prlimit(0, 6, limits, null);`,
};

for (const [what, shortage] of Object.entries(shortages)) {
  test(`a want of ${what} while it is tested costs no abilities for good`, () => {
    const folder = new URL("../src/environment/local/spawn/", import.meta.url);
    const script = `
      import { closeSync, openSync } from "node:fs";
      import { stat } from "node:fs/promises";
      import { createSpawner } from ${JSON.stringify(new URL("create-spawner.ts", folder))};
      import { loadLibc } from ${JSON.stringify(new URL("../libc/libc.ts", folder))};
      import { testSpawner } from ${JSON.stringify(new URL("posix/self-test.ts", folder))};
      ${shortage}
      const spawner = await createSpawner({ untested: begin });
      end();
      process.stdout.write(JSON.stringify(spawner.capabilities));
      await testSpawner(spawner);
      await spawner.close();`;
    const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", script];
    const limited = ["-c", 'ulimit -n 100; exec "$0" "$@"', ...node];
    const { kind, tty } = JSON.parse(execFileSync("/bin/sh", limited, { encoding: "utf8" }));
    assert.deepEqual({ kind, tty }, { kind: "posix", tty: true });
  });
}

test("where native modules cannot be loaded the fallback says why", () => {
  const module = new URL("../src/environment/local/spawn/create-spawner.ts", import.meta.url);
  const script = `
    import { createSpawner } from ${JSON.stringify(module)};
    const spawner = await createSpawner();
    process.stdout.write(JSON.stringify(spawner.capabilities));
    await spawner.close();`;
  const args = ["--no-addons", "--import", "tsx", "--input-type=module", "-e", script];
  const { kind, reasons } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
  assert.equal(kind, "node");
  assert.match(reasons[0], /^Processes cannot be started natively: .*[^.]\.$/);
});
