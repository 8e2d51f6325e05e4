import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { deferred } from "../src/async/deferred.ts";
import { PathOrder, type Touched } from "../src/server/path-order.ts";

const reads = (...paths: string[]): Touched => ({ reads: paths, changes: [] });
const changes = (...paths: string[]): Touched => ({ reads: [], changes: paths });

/** Which of two requests finish when the first one hangs. */
async function secondRuns(first: Touched, second: Touched): Promise<boolean> {
  const order = new PathOrder();
  const held = deferred<void>();
  const firstDone = order.run(
    () => first,
    () => held.promise,
  );
  let ran = false;
  const secondDone = order.run(
    () => second,
    async () => {
      ran = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  const overtook = ran;
  held.resolve();
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
  const failed = order.run(
    () => changes("/a"),
    () => Promise.reject(new Error("no")),
  );
  const next = order.run(
    () => changes("/a"),
    async () => "done",
  );
  await assert.rejects(async () => failed, /no/);
  assert.equal(await next, "done");
});

test("a request runs at once when all before it are over, however they went", async () => {
  const order = new PathOrder();
  const touched = () => ({ reads: ["/a/b"], changes: ["/a", "/a/b/c"] });
  const all = [Promise.reject(new Error("no")), Promise.resolve(), Promise.resolve()].map((end) =>
    Promise.resolve(order.run(touched, () => end)),
  );
  await Promise.allSettled(all);
  await new Promise(setImmediate);
  const isAsked = () => assert.fail("nothing is under way, and nothing of it is remembered");
  assert.equal(
    order.run(isAsked, () => "done"),
    "done",
  );
});

test("thousands of changes and looks from above, sent at once, keep their order and are not slow", async () => {
  const order = new PathOrder();
  const ran: number[] = [];
  const outcomes = Array.from({ length: 20_000 }, (_, at) =>
    order.run(
      () => (at % 3 === 0 ? reads("/a") : changes("/a/b/c")),
      async () => ran.push(at),
    ),
  );
  await Promise.all(outcomes);
  const changesRan = ran.filter((at) => at % 3 !== 0);
  assert.deepEqual(
    changesRan,
    [...changesRan].sort((a, b) => a - b),
  );
  assert.equal(ran.length, 20_000);
});

test("any mixture of requests runs as pairwise waiting says", async () => {
  const path = fc.constantFrom("", "/a", "/a/b", "/a/b/c", "/a/bc", "/d", "handle:h", "handle:h/x");
  const touched = fc.record({
    reads: fc.array(path, { maxLength: 2 }),
    changes: fc.array(path, { maxLength: 1 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(touched, { maxLength: 25 }),
      fc.infiniteStream(fc.nat()),
      async (all, picks) => {
        const order = new PathOrder();
        const open = new Map<number, () => void>();
        const over = new Set<number>();
        const outcomes = all.map((each, at) =>
          order.run(
            () => each,
            () => new Promise<void>((resolve) => open.set(at, resolve)),
          ),
        );
        for (;;) {
          await new Promise(setImmediate);
          const expected = all.flatMap((each, at) => {
            const waits = all
              .slice(0, at)
              .some((other, index) => !over.has(index) && conflict(other, each));
            return waits || over.has(at) ? [] : [at];
          });
          assert.deepEqual(
            [...open.keys()].sort((a, b) => a - b),
            expected,
          );
          const pick = expected[(picks.next().value ?? 0) % expected.length];
          if (pick === undefined) break;
          open.get(pick)?.();
          open.delete(pick);
          over.add(pick);
        }
        await Promise.all(outcomes);
      },
    ),
  );
});

/** The rule by itself: the same path or one above the other, and one of them changes it. */
function conflict(a: Touched, b: Touched): boolean {
  const meet = (some: readonly string[], others: readonly string[]) =>
    some.some((one) => others.some((other) => isAbove(one, other) || isAbove(other, one)));
  return meet(a.changes, [...b.reads, ...b.changes]) || meet(a.reads, b.changes);
}

const isAbove = (upper: string, lower: string) =>
  upper === lower || (lower.startsWith("/") && lower.startsWith(`${upper}/`));
