import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { joinedRuns } from "../src/protocol/written-result.ts";

const surroundings = ["a", "b", "c"].map((kind) => ({
  before: `{"kind":"${kind}","name":"`,
  after: '"}',
}));

test("runs of objects read as the objects one by one, in their order", () => {
  const objects = fc.array(fc.tuple(fc.stringMatching(/^[a-z]{0,3}$/), fc.nat({ max: 2 })));
  fc.assert(
    fc.property(objects, (list) => {
      const around = list.flatMap(([, kind]) => surroundings[kind] ?? []);
      const text = joinedRuns(
        list.map(([name]) => name),
        around,
      );
      const expected = list.map(([name, kind]) => ({ kind: "abc"[kind], name }));
      assert.deepEqual(JSON.parse(`[${text}]`), expected);
    }),
  );
});
