import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { inBursts } from "../src/environment/local/files/trees/in-bursts.ts";
import {
  callsRemembered,
  directSliceMs,
  handedFilesMax,
  handedFilesMin,
  handOverMs,
} from "../src/limits.ts";
import { CallKind } from "../src/system/direct-calls.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

function busyFor(durationMs: number): void {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs);
}

describe("a task for many things", () => {
  test("is done once for each, here or later", async () => {
    const some = fc.array(fc.constantFrom("now", "later", "later at once"), { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(some, async (kinds) => {
        const done: number[] = [];
        await inBursts(numbers(kinds.length), {
          now: (item) => kinds[item] === "now" && done.push(item) > 0,
          later: async (item) => {
            if (kinds[item] === "later") await setImmediate();
            done.push(item);
          },
        });
        assert.deepEqual(
          done.sort((a, b) => a - b),
          numbers(kinds.length),
        );
      }),
      { numRuns: 50 },
    );
  });

  test("lets others have their turn, however many there are", async () => {
    let inThisTurn = 0;
    let isOver = false;
    const begin = () => {
      inThisTurn = 0;
      if (!isOver) void setImmediate().then(begin);
    };
    // The slice of an earlier test may end with this turn.
    await setImmediate();
    begin();
    const now = () => {
      busyFor(directSliceMs);
      inThisTurn++;
      assert.equal(inThisTurn, 1);
      return true;
    };
    const done = inBursts(numbers(10), { now, later: () => undefined });
    await done.finally(() => {
      isOver = true;
    });
  });

  test("is not begun for others once it has failed", async () => {
    const failure = new Error("no such file");
    const begun: number[] = [];
    const begin = (item: number): boolean => {
      begun.push(item);
      if (item === 2) throw failure;
      return true;
    };
    const later = (item: number) => void begin(item);
    await assert.rejects(inBursts(numbers(100), { now: begin, later }), failure);
    assert.deepEqual(begun, [0, 1, 2]);
  });

  test("is left to later where it has taken long", async () => {
    const kind = new CallKind();
    kind.took(handOverMs * 2, callsRemembered);
    const done: number[] = [];
    const now = () => assert.fail("done here");
    await inBursts(numbers(20), { now, later: (item) => void done.push(item), kind });
    assert.deepEqual(done, numbers(20));
  });

  test("is left to another thread as far as that comes", async () => {
    const count = handedFilesMax * 2 + handedFilesMin;
    const done: number[] = [];
    const given: number[] = [];
    await inBursts(numbers(count), {
      now: (item) => done.push(item) > 0,
      later: (item) => void done.push(item),
      onThread: async (items) => {
        given.push(items.length);
        const failsAt = given.length === 2 ? 7 : items.length;
        done.push(...items.slice(1, failsAt));
        return { count: failsAt, left: [0] };
      },
    });
    // Behind the failure of the second piece everything is done here.
    assert.deepEqual(given, [handedFilesMax, handedFilesMax]);
    assert.deepEqual(
      done.sort((a, b) => a - b),
      numbers(count),
    );
  });

  test("is done here when no other thread is free, or it is not worth the while", async () => {
    const done: number[] = [];
    const now = (item: number) => done.push(item) > 0;
    const task = { now, later: (item: number) => void now(item) };
    await inBursts(numbers(handedFilesMin), { ...task, onThread: () => undefined });
    const onThread = () => assert.fail("handed over");
    await inBursts(numbers(handedFilesMin - 1), { ...task, onThread });
    assert.deepEqual(done, [...numbers(handedFilesMin), ...numbers(handedFilesMin - 1)]);
  });
});
