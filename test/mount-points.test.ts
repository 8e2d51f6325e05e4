import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { MountPoints } from "../src/sandbox/mount-points/mount-points.ts";
import { serverName } from "../src/sandbox/mount-points/server-name.ts";
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

test("who cleans up behind a server leaves what another one needs", async (t) => {
  const { at, make, points } = swappable(t);
  const another = new MountPoints(async () => hostPathOf(at("marks")));
  t.after(() => another.close());
  await make();
  const git = { path: hostPathOf(at("sub/.git")), isMissing: false };
  const made = await another.make([git]);
  points.close();
  await until("the marks to be gone", () => readdirSync(at("marks")).length === 1);
  await until("what only it needed to be gone", () => !existsSync(at("sub/.aws")));
  assert.deepEqual(readdirSync(at("sub")), [".git"]);
  await made.release();
  assert.deepEqual(readdirSync(at("sub")), []);
});

test("what a server left behind is nobody's directory, and stays while another needs it", async (t) => {
  const { at, points } = swappable(t);
  const path = hostPathOf(at("sub/.git"));
  symlinkSync(path, at("marks/1.0.ended-0000-0"));
  mkdirSync(path);
  const made = await points.make([{ path, isMissing: false }]);
  assert.deepEqual([...made.paths], [path]);
  await points.sweep();
  assert.deepEqual(readdirSync(at("sub")), [".git"]);
  await made.release();
  assert.deepEqual(readdirSync(at("sub")), []);
  assert.deepEqual(readdirSync(at("marks")), []);
});

test("where no disk takes a name there is none to keep, nor what would be below it", async (t) => {
  const { points } = swappable(t);
  const wanted = ["/proc/secret", "/proc/secret/deeper"].map(hostPathOf);
  const made = await points.make(wanted.map((path) => ({ path, isMissing: true })));
  assert.deepEqual([...made.paths], []);
  assert.equal(made.isOutdated, false);
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

/** A workspace with the mount points of two servers. */
function shared(t: TestContext) {
  const { at, points } = swappable(t);
  const another = new MountPoints(async () => hostPathOf(at("marks")));
  t.after(() => another.close());
  const wanted = [{ path: hostPathOf(at("sub/.git")), isMissing: true }];
  return { at, wanted, one: points, another };
}

/** Lets other work go on `count` times. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

test("a server keeps the mount point that another one releases while it makes it", async (t) => {
  const { at, wanted, one, another } = shared(t);
  for (let later = -60; later < 60; later++) {
    const first = await one.make(wanted);
    const [second] = await Promise.all([
      turns(later).then(() => another.make(wanted)),
      turns(-later).then(() => first.release()),
    ]);
    assert.equal(second.isOutdated, false);
    assert.deepEqual(readdirSync(at("sub")), [".git"], `${later} turns later`);
    await second.release();
    assert.deepEqual(readdirSync(at("sub")), []);
  }
});

test("nothing is left of a mount point that two servers release at the same time", async (t) => {
  const { at, wanted, one, another } = shared(t);
  const made = [await one.make(wanted), await another.make(wanted)];
  await Promise.all(made.map((each) => each.release()));
  assert.deepEqual(readdirSync(at("sub")), []);
  assert.deepEqual(readdirSync(at("marks")), []);
});

test("a mount point that another server is removing is made again when it is gone", async (t) => {
  const { at, wanted, one } = shared(t);
  const mark = at(`marks/${serverName(process.pid)}.leaving-0000-0~${serverName(process.pid)}`);
  mkdirSync(at("sub/.git"));
  symlinkSync(at("sub/.git"), mark);
  const making = one.make(wanted);
  await until("the path to be marked", () => readdirSync(at("marks")).length === 2);
  rmdirSync(at("sub/.git"));
  rmSync(mark);
  const made = await making;
  assert.deepEqual(readdirSync(at("sub")), [".git"]);
  await made.release();
  assert.deepEqual(readdirSync(at("sub")), []);
});

test("what another one is about to remove is left to him, until he is dead, too", async (t) => {
  const { at, points } = swappable(t);
  const removing = (remover: string) => at(`marks/1.0.ended-0000-0~${remover}`);
  mkdirSync(at("sub/.git"));
  symlinkSync(at("sub/.git"), removing(serverName(process.pid)));
  await points.sweep();
  assert.deepEqual(readdirSync(at("sub")), [".git"]);
  renameSync(removing(serverName(process.pid)), removing("2.0.ended"));
  await points.sweep();
  assert.deepEqual(readdirSync(at("sub")), []);
  assert.deepEqual(readdirSync(at("marks")), []);
});

test("who cleans up behind a server ends what it was removing, and nothing else's removal", async (t) => {
  const { at, make, points } = swappable(t);
  await make();
  const [own = "", other = ""] = readdirSync(at("marks"));
  const [server = ""] = own.split("-");
  const living = `${other}~${serverName(process.pid)}`;
  renameSync(at(`marks/${own}`), at(`marks/1.0.ended-0000-0~${server}`));
  renameSync(at(`marks/${other}`), at(`marks/${living}`));
  points.close();
  await until("one mark to be gone", () => readdirSync(at("marks")).length === 1);
  assert.deepEqual(readdirSync(at("marks")), [living]);
  assert.equal(readdirSync(at("sub")).length, 1);
});

test("what another server makes while this one is at it is no change, and does not stay", async (t) => {
  const { at, one, another } = shared(t);
  const folders = Array.from({ length: 20 }, (_, depth) => `sub${"/x".repeat(depth)}`);
  mkdirSync(at(folders.at(-1) ?? ""), { recursive: true });
  const wanted = folders.map((name) => ({ path: hostPathOf(at(`${name}/.git`)), isMissing: true }));
  for (let later = 0; later < 100; later++) {
    const making = [one.make(wanted), turns(later).then(() => another.make(wanted.slice(-1)))];
    const made = await Promise.all(making);
    const outdated = made.filter(({ isOutdated }) => isOutdated);
    assert.deepEqual(outdated, [], `${later} turns later`);
    await Promise.all(made.map((each) => each.release()));
    const left = readdirSync(at("sub"), { recursive: true, encoding: "utf8" });
    assert.deepEqual(
      left.filter((name) => name.endsWith(".git")),
      [],
    );
  }
});
