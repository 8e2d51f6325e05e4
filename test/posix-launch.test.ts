import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { loadLibc } from "../src/environment/local/libc/libc.ts";
import { type Launch, launchLane } from "../src/environment/local/spawn/posix/launch.ts";
import { launchStallMs } from "../src/limits.ts";
import { standStill } from "./support/standing-still.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** A lane, what starts in it, and what waits for a writer of `fifo` before exec. */
async function setUp(t: TestContext) {
  const directory = temporaryFolder(t, "launch");
  const fifo = join(directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  const lane = launchLane(await loadLibc());
  const { soft } = lane.untagged;
  const launch = (target: number, path: string): Launch => ({
    path: "/bin/true",
    argv: ["true"],
    env: {},
    cwd: "/",
    actions: [{ kind: "open", target, path, flags: 0 }],
    tag: soft > 10n ? soft - 10n : 10n,
  });
  return { lane, launch, fifo };
}

test("a start that hangs in the system holds nobody up, and tags nobody else", async (t) => {
  const { lane, launch, fifo } = await setUp(t);
  const hanging = lane.launch(() => launch(0, fifo));
  const [second, third] = await Promise.all([
    lane.launch(() => launch(0, "/dev/null")),
    lane.launch(() => launch(0, "/dev/null")),
  ]);
  assert.deepEqual([second.errno, second.isTagged], [0, false]);
  assert.deepEqual([third.errno, third.isTagged], [0, false]);
  closeSync(openSync(fifo, "w"));
  assert.equal((await hanging).errno, 0);
  const next = await lane.launch(() => launch(0, "/dev/null"));
  assert.deepEqual([next.errno, next.isTagged], [0, true]);
});

test("beside one that hangs as many start as one likes, and are tagged afterwards", async (t) => {
  const { lane, launch, fifo } = await setUp(t);
  const hanging = lane.launch(() => launch(0, fifo));
  // More than koffi lets be under way.
  const many = Array.from({ length: 300 }, () => lane.launch(() => launch(0, "/dev/null")));
  for (const { errno, isTagged } of await Promise.all(many)) {
    assert.deepEqual([errno, isTagged], [0, false]);
  }
  closeSync(openSync(fifo, "w"));
  await hanging;
  assert.equal((await lane.launch(() => launch(0, "/dev/null"))).isTagged, true);
});

test("a start that was over while nobody looked did not hang: those behind it are tagged", async () => {
  const lane = launchLane(await loadLibc());
  const tag = lane.untagged.soft > 10n ? lane.untagged.soft - 10n : 10n;
  const launch = { path: "/bin/true", argv: ["true"], env: {}, cwd: "/", actions: [], tag };
  // What is due comes next from here, before what has been done.
  await nextTurn();
  const launches = [1, 2, 3].map(() => lane.launch(() => launch));
  standStill(launchStallMs + 100);
  const isTagged = (await Promise.all(launches)).map((launched) => launched.isTagged);
  assert.deepEqual(isTagged, [true, true, true]);
});

test("a launch that cannot be prepared is refused, and the next one goes on", async () => {
  const lane = launchLane(await loadLibc());
  const refusal = new Error("nothing to start with");
  const failing = lane.launch(() => {
    throw refusal;
  });
  await assert.rejects(failing, refusal);
  const missing = { path: "/no/such", argv: ["x"], env: {}, cwd: "/", actions: [], tag: undefined };
  assert.equal((await lane.launch(() => missing)).errno, constants.errno.ENOENT);
});

test("of any number of launches that cannot be prepared each is refused", async () => {
  const lane = launchLane(await loadLibc());
  const refusal = new Error("nothing to start with");
  const refuse = () => {
    throw refusal;
  };
  const missing = { path: "/no/such", argv: ["x"], env: {}, cwd: "/", actions: [], tag: undefined };
  // Behind this one they wait; each by itself would be refused at once.
  const first = lane.launch(() => missing);
  const outcomes = Promise.allSettled(Array.from({ length: 20_000 }, () => lane.launch(refuse)));
  await first;
  assert.ok((await outcomes).every((outcome) => "reason" in outcome && outcome.reason === refusal));
});
