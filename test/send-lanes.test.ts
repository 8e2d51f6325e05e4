import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  kernelUnsentBytesMax,
  kernelUnsentBytesMin,
  laneTurnBytes,
  sendBytesMax,
  sendMs,
} from "../src/limits.ts";
import { LinePace } from "../src/server/socket/line-pace.ts";
import { SendLanes } from "../src/server/socket/send-lanes.ts";

interface Item {
  readonly lane: string;
  readonly number: number;
  readonly length: number;
}

const step = fc.oneof(
  fc.record({
    lane: fc.constantFrom("one", "two", "three"),
    length: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ takenBytes: fc.integer({ min: 1, max: 20 }) }),
);

/** The lanes of the items as they are taken, until there are none. */
function lanesOf(lanes: SendLanes<Item>): string[] {
  const names = [];
  while (lanes.bytes > 0) names.push(...lanes.take(laneTurnBytes).map(({ lane }) => lane));
  return names;
}

describe("lanes of what waits", () => {
  test("give only what is fresh when asked for that, once until all may go", () => {
    const lanes = new SendLanes<Item>();
    const add = (lane: string) => lanes.add(lane, { lane, number: 0, length: 1024 });
    add("flood");
    assert.equal(lanes.takeFresh(sendBytesMax).length, 1);
    add("flood");
    add("echo");
    assert.deepEqual(
      lanes.takeFresh(sendBytesMax).map(({ lane }) => lane),
      ["echo"],
    );
    assert.deepEqual(lanes.takeFresh(sendBytesMax), []);
    assert.deepEqual(lanesOf(lanes), ["flood"]);
  });

  test("give everything once, in order within each lane, and no more at once than asked", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lanes = new SendLanes<Item>();
        const given: Item[] = [];
        const taken: Item[] = [];
        const take = (bytesMax: number) => {
          const items = lanes.take(bytesMax);
          const bytes = items.reduce((sum, { length }) => sum + length, 0);
          assert.ok(items.length <= 1 || bytes <= bytesMax);
          taken.push(...items);
        };
        for (const one of steps) {
          if ("takenBytes" in one) take(one.takenBytes);
          else {
            const item = { ...one, length: one.length * 1024, number: given.length };
            given.push(item);
            lanes.add(item.lane, item);
          }
        }
        while (lanes.bytes > 0) take(2 * laneTurnBytes);
        for (const name of ["one", "two", "three"]) {
          const of = (items: readonly Item[]) => items.filter(({ lane }) => lane === name);
          assert.deepEqual(of(taken), of(given));
          assert.equal(lanes.bytesIn(name), 0);
        }
      }),
    );
  });

  test("let a new one pass those that wait, which take turns by bytes", () => {
    const lanes = new SendLanes<Item>();
    const add = (lane: string, count: number, length: number) => {
      for (let number = 0; number < count; number++) lanes.add(lane, { lane, number, length });
    };
    add("flood", 4, laneTurnBytes);
    add("small flood", 8, laneTurnBytes / 2);
    lanes.take(2 * laneTurnBytes);
    add("echo", 1, 1);
    assert.deepEqual(lanesOf(lanes), [
      "echo",
      ...["flood", "small flood", "small flood"],
      ...["flood", "small flood", "small flood"],
      ...["flood", "small flood", "small flood"],
    ]);
  });

  test("come to their turns beside one that always has a little", () => {
    const lanes = new SendLanes<Item>();
    for (let number = 0; number < 3; number++) {
      lanes.add("flood", { lane: "flood", number, length: laneTurnBytes });
    }
    const order = [];
    for (let number = 0; number < 8; number++) {
      lanes.add("trickle", { lane: "trickle", number, length: 1 });
      order.push(...lanes.take(1).map(({ lane }) => lane));
    }
    assert.equal(order.filter((lane) => lane === "flood").length, 3);
  });
});

describe("what is given to a line", () => {
  test("is little when it takes long, and much again when it does not", () => {
    const told: number[] = [];
    const pace = new LinePace((bytes) => told.push(bytes));
    assert.equal(pace.batchBytes, sendBytesMax);
    for (let count = 0; count < 20; count++) pace.took(pace.batchBytes, sendMs * 20);
    assert.equal(pace.batchBytes, kernelUnsentBytesMin);
    told.length = 0;
    for (let count = 0; count < 1000; count++) pace.took(pace.batchBytes, 0);
    assert.equal(pace.batchBytes, sendBytesMax);
    assert.deepEqual(
      told,
      told.toSorted((one, two) => one - two),
    );
    assert.equal(told.at(-1), kernelUnsentBytesMax);
  });

  test("is not less because it was very much", () => {
    const told: number[] = [];
    const pace = new LinePace((bytes) => told.push(bytes));
    pace.took(100 * kernelUnsentBytesMax, sendMs * 2);
    assert.deepEqual(told, [kernelUnsentBytesMax]);
  });
});
