import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { MountPoints } from "../src/sandbox/mount-points.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

test("where one mount point cannot be made, the others that were made with it are gone", async (t) => {
  const folder = temporaryFolder(t, "points");
  const at = (name: string) => join(folder, name);
  mkdirSync(at("marks"));
  mkdirSync(at("workspace"));
  const points = new MountPoints(async () => hostPathOf(at("marks")));
  t.after(() => points.close());
  const missing = (name: string) => ({ path: hostPathOf(at(name)), isMissing: true });
  const tooLong = missing(`workspace/${"x".repeat(300)}`);
  await assert.rejects(points.make([missing("workspace/.git"), tooLong]), {
    message: /no mount point can be made \(ENAMETOOLONG/,
  });
  assert.deepEqual(readdirSync(at("workspace")), []);
  assert.deepEqual(readdirSync(at("marks")), []);
});
