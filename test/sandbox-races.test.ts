import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { confineProcess } from "../src/sandbox/confined-process.ts";
import { pointsIn } from "../src/sandbox/mount-points/wanted-points.ts";
import { policyOf } from "../src/sandbox/policy/policy.ts";
import { findPlaces } from "../src/sandbox/policy/world.ts";
import { WorldChangedError } from "../src/sandbox/policy/world-changed-error.ts";
import type { LocalSandbox } from "../src/sandbox/sandbox.ts";
import { SandboxMachine } from "../src/sandbox/sandbox-machine.ts";
import { Ground } from "./support/escape-ground.ts";
import { workshop } from "./support/helper-workshop.ts";
import { until } from "./support/until.ts";

function ground(t: TestContext): Ground {
  const made = new Ground();
  t.after(() => made.clear());
  return made;
}

const surroundings = { cwd: hostPathOf("/"), home: undefined, temporaryDirectory: undefined };
const nobodys = { has: () => false };
const looks = 1_500;

const flapping = `
const { symlinkSync, unlinkSync } = require("node:fs");
for (;;) { symlinkSync("../outside", process.argv[1]); unlinkSync(process.argv[1]); }
`;

test("where a link comes and goes its target is not taken for what is protected", async (t) => {
  const g = ground(t);
  const protectedPath = hostPathOf(g.at("ws/.git"));
  const racer = spawn(process.execPath, ["-e", flapping, g.at("ws/.git")], { stdio: "ignore" });
  t.after(() => racer.kill("SIGKILL"));
  const policy = policyOf(g.writing, surroundings);
  const seen = new Set<string>();
  const look = async () => {
    const { places } = await findPlaces(policy, nobodys).catch((error) => {
      assert.ok(error instanceof WorldChangedError);
      return { places: [] };
    });
    for (const { rule, real, links } of places) {
      if (rule.path !== protectedPath) continue;
      seen.add(real);
      if (real !== protectedPath) assert.equal(links[0]?.at, protectedPath);
    }
  };
  await until("the link to come", () => existsSync(g.at("ws/.git")));
  for (let count = 0; count < looks; count++) await look();
  assert.deepEqual([...seen].sort(), [g.at("outside"), g.at("ws/.git")]);
});

test("what goes away between two looks at it is covered like what is missing", async (t) => {
  const g = ground(t);
  mkdirSync(g.at("ws/.git"));
  const policy = policyOf(g.writing, surroundings);
  // Another server, at the moment that counts.
  const has = (path: string) => {
    if (path === g.at("ws/.git")) rmdirSync(path);
    return false;
  };
  const wanted = pointsIn(await findPlaces(policy, { has })).map(({ path }) => path);
  assert.ok(wanted.includes(hostPathOf(g.at("ws/.git"))));
});

/** Where `meddle` is done before the first mount points are made, and what it gives behind that. */
function meddlingGround(t: TestContext, meddle: (g: Ground) => () => void) {
  const g = ground(t);
  const { PATH, TMPDIR } = process.env;
  const machine = new SandboxMachine({ variables: { PATH, TMPDIR }, cwd: "/" });
  const { mountPoints } = machine;
  t.after(() => mountPoints.close());
  const make = mountPoints.make.bind(mountPoints);
  // Somebody else, at the moment that counts.
  mountPoints.make = async (wanted) => {
    mountPoints.make = make;
    const undo = meddle(g);
    return make(wanted).finally(undo);
  };
  const confine: LocalSandbox["confine"] = (sandbox, request) =>
    confineProcess(sandbox, request, machine);
  const local = { ...g.sandbox, confine };
  const attempt = () => g.shell("mkdir .git/made .git; echo x > .git; ls -A", g.writing, local);
  return { g, attempt };
}

test("what was quicker than a mount point, and is gone again, leaves no place without", async (t) => {
  const { g, attempt } = meddlingGround(t, (at) => {
    writeFileSync(at.at("ws/.git"), "");
    return () => rmSync(at.at("ws/.git"));
  });
  const text = await attempt();
  assert.match(text, /cannot create directory '?\.git\/made'?: Read-only file system/);
  assert.match(text, /^\.git$/m);
  assert.equal(existsSync(g.at("ws/.git")), false);
});

test("a workspace that is away when mount points are made, and back again, gets them", async (t) => {
  const { g, attempt } = meddlingGround(t, (at) => {
    renameSync(at.at("ws"), at.at("away"));
    return () => renameSync(at.at("away"), at.at("ws"));
  });
  assert.match(await attempt(), /cannot create directory '?\.git\/made'?: Read-only file system/);
  assert.equal(existsSync(g.at("ws/.git")), false);
});

test("what goes away while a worker is set up fails no operation", async (t) => {
  const { sandbox, policy, at, file, launches } = workshop(t, {
    // As a mount point of another server does.
    script: `rmdir \${0%/bin/bwrap}/ws/.agents 2>/dev/null; exec $REAL "$@"`,
  });
  mkdirSync(at("ws/.agents"));
  await sandbox.files().call(policy)("fs/writeFile", { path: file("f"), dataBase64: "" });
  assert.ok(existsSync(at("ws/f")));
  assert.equal(launches(), 2);
});
