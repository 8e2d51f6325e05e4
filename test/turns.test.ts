import assert from "node:assert/strict";
import { test } from "node:test";
import { turns } from "../src/async/turns.ts";

test("pieces of work take turns, first come first, and one that fails gives its turn on", async () => {
  const inTurn = turns(2);
  for (let round = 0; round < 3; round++) {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const work = async (number: number) => {
      begun.push(number);
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      if (number === 1) throw new Error("failed");
    };
    const all = [0, 1, 2, 3, 4].map((number) => inTurn(() => work(number)));
    const outcomes = await Promise.allSettled(all);
    assert.deepEqual(
      outcomes.map(({ status }) => status === "fulfilled"),
      [true, false, true, true, true],
    );
    assert.deepEqual([begun, most], [[0, 1, 2, 3, 4], 2]);
  }
});
