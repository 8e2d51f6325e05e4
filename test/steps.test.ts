import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { begin, type Steps, settled } from "../src/environment/local/files/calls/steps.ts";
import type { MaybePromise } from "../src/protocol/methods.ts";

function* sum(...parts: MaybePromise<number>[]): Steps<number> {
  let total = 0;
  for (const part of parts) total += yield* settled(part);
  return total;
}

function* failing(before?: Promise<unknown>): Steps<never> {
  yield* settled(before);
  throw new Error("no such luck");
}

function* forgiving(work: MaybePromise<unknown>): Steps<string> {
  try {
    yield* settled(work);
  } catch (error) {
    return `caught: ${(error as Error).message}`;
  }
  return "nothing to catch";
}

describe("work in steps", () => {
  test("is over at once when everything is there", () => {
    assert.equal(begin(sum(1, 2, 3)), 6);
  });

  test("waits for what is on its way, and only for that", async () => {
    const outcome = begin(sum(1, setImmediate(2), 3, setImmediate(4)));
    assert.ok(outcome instanceof Promise);
    assert.equal(await outcome, 10);
  });

  test("fails as a promise, whether it waited or not", async () => {
    for (const before of [undefined, setImmediate()]) {
      const outcome = begin(failing(before));
      assert.ok(outcome instanceof Promise);
      await assert.rejects(outcome, /no such luck/);
    }
  });

  test("can catch the failure of what it waited for", async () => {
    for (const before of [undefined, setImmediate()]) {
      assert.equal(await begin(forgiving(begin(failing(before)))), "caught: no such luck");
    }
    assert.equal(begin(forgiving(1)), "nothing to catch");
  });
});
