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
  assert.match(reasons[0], /^Processes cannot be started natively: /);
});
