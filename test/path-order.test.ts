import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PathOrder, type Touched } from "../src/server/path-order.ts";

const reads = (...paths: string[]): Touched => ({ reads: paths, changes: [] });
const changes = (...paths: string[]): Touched => ({ reads: [], changes: paths });

/** Which of two requests finish when the first one hangs. */
async function secondRuns(first: Touched, second: Touched): Promise<boolean> {
  const order = new PathOrder();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const firstDone = order.run(first, () => held);
  let ran = false;
  const secondDone = order.run(second, async () => {
    ran = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  const overtook = ran;
  release();
  await Promise.all([firstDone, secondDone]);
  assert.ok(ran, "the second request runs in the end");
  return overtook;
}

describe("a request waits for an earlier one", () => {
  const rows: [string, Touched, Touched][] = [
    ["that changes the same path", changes("/a/b"), reads("/a/b")],
    ["that reads what it changes", reads("/a/b"), changes("/a/b")],
    ["that changes a folder above", changes("/a"), changes("/a/b/c")],
    ["that changes something below what it reads", changes("/a/b/c"), reads("/a")],
    ["that changes the root", changes(""), reads("/a")],
    ["that copies from what it changes", { reads: ["/s"], changes: ["/d"] }, changes("/s/x")],
  ];
  for (const [title, first, second] of rows) {
    test(title, async () => assert.equal(await secondRuns(first, second), false));
  }
});

describe("a request does not wait for an earlier one", () => {
  const rows: [string, Touched, Touched][] = [
    ["that reads the same path", reads("/a/b"), reads("/a/b")],
    ["that changes another path", changes("/a/b"), changes("/a/c")],
    ["whose name only begins alike", changes("/a/b"), changes("/a/bc")],
  ];
  for (const [title, first, second] of rows) {
    test(title, async () => assert.equal(await secondRuns(first, second), true));
  }
});

test("a failed request lets those behind it go on, and its failure stays its own", async () => {
  const order = new PathOrder();
  const failed = order.run(changes("/a"), () => Promise.reject(new Error("no")));
  const next = order.run(changes("/a"), async () => "done");
  await assert.rejects(async () => failed, /no/);
  assert.equal(await next, "done");
});
