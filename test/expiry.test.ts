import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as passed } from "node:timers/promises";
import { deferred } from "../src/async/deferred.ts";
import { Expiry } from "../src/async/expiry.ts";
import { standstillMsMin } from "../src/limits.ts";
import { standStill } from "./support/standing-still.ts";

/** Notes what was forgotten; `all` settles when that is everything. */
function begin(ttlMs: number, count: number) {
  const forgotten: number[] = [];
  const all = deferred<void>();
  const expiry = new Expiry<number>(ttlMs, (item) => {
    if (forgotten.push(item) === count) all.resolve();
  });
  return { expiry, forgotten, all: all.promise };
}

describe("what is kept for a time", () => {
  test("is forgotten behind that, in its order", async () => {
    const { expiry, forgotten, all } = begin(20, 4);
    for (const item of [1, 2]) expiry.add(item);
    await passed(1);
    for (const item of [3, 4]) expiry.add(item);
    // Its own timer lets the program end.
    const alive = setInterval(() => {}, 1_000);
    await all;
    clearInterval(alive);
    assert.deepEqual(forgotten, [1, 2, 3, 4]);
  });

  test("is kept for as long again when nobody could ask for it, as the program stood still", async () => {
    const { expiry, forgotten, all } = begin(200, 1);
    const addedAtMs = performance.now();
    expiry.add(1);
    standStill(200 + standstillMsMin + 10);
    const alive = setInterval(() => {}, 1_000);
    await all;
    clearInterval(alive);
    assert.deepEqual(forgotten, [1]);
    assert.ok(performance.now() - addedAtMs > 2 * 200 + standstillMsMin);
  });
});
