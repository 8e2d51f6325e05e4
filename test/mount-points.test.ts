import assert from "node:assert/strict";
import { mkdirSync, readdirSync, realpathSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { MountPoints } from "../src/sandbox/mount-points.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

/** A workspace in which `outside` may take the place of `sub` at any moment. */
function swappable(t: TestContext) {
  const folder = realpathSync(temporaryFolder(t, "points"));
  const at = (name: string) => join(folder, name);
  for (const name of ["marks", "sub", "outside/.aws"]) mkdirSync(at(name), { recursive: true });
  const points = new MountPoints(async () => hostPathOf(at("marks")));
  t.after(() => points.close());
  const swap = () => {
    renameSync(at("sub"), at("moved"));
    symlinkSync(at("outside"), at("sub"));
  };
  const wanted = [".aws", ".git"].map((name) => hostPathOf(at(`sub/${name}`)));
  const make = () => points.make(wanted.map((path) => ({ path, isMissing: true })));
  return { at, swap, make, points };
}

test("nothing is made outside where a directory has become a link", async (t) => {
  const { at, swap, make } = swappable(t);
  swap();
  const made = await make();
  assert.deepEqual(readdirSync(at("outside")), [".aws"]);
  await made.release();
});

test("nothing is removed outside where a directory has become a link", async (t) => {
  const { at, swap, make } = swappable(t);
  const made = await make();
  swap();
  await made.release();
  assert.deepEqual(readdirSync(at("outside")), [".aws"]);
  assert.deepEqual(readdirSync(at("marks")), []);
});

test("neither is it by who cleans up behind a server", async (t) => {
  const { at, swap, make, points } = swappable(t);
  await make();
  swap();
  points.close();
  await until("the marks to be gone", () => readdirSync(at("marks")).length === 0);
  assert.deepEqual(readdirSync(at("outside")), [".aws"]);
});

test("where one mount point cannot be made, the others that were made with it are gone", async (t) => {
  const folder = realpathSync(temporaryFolder(t, "points"));
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
