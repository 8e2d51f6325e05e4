import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as z from "zod/mini";
import { sandboxesRememberedMax } from "../src/limits.ts";
import { remembering } from "../src/protocol/remembering.ts";

const shape = () => z.object({ names: z.array(z.string()), depth: z.nullish(z.int()) });

test("a schema that remembers says of all values what it would say without", () => {
  const few = fc.constantFrom("a", "b");
  const value = fc.record(
    {
      names: fc.oneof(fc.array(few, { maxLength: 2 }), few),
      depth: fc.constantFrom(1, 1.5, null),
      other: few,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(value, fc.jsonValue()), { maxLength: 60 }), (values) => {
      const plain = shape();
      const remembers = remembering(shape());
      for (const each of values) {
        const { success, data } = remembers.safeParse(each);
        assert.deepEqual({ success, data }, pick(plain.safeParse(each)));
      }
    }),
  );
});

const pick = ({ success, data }: { success: boolean; data?: unknown }) => ({ success, data });

test("what has passed is shared from then on, and nobody can change it", () => {
  const remembers = remembering(shape());
  const given = remembers.parse({ names: ["a"] });
  assert.equal(remembers.parse({ names: ["a"] }), given);
  assert.ok(Object.isFrozen(given) && Object.isFrozen(given.names));
  assert.notEqual(remembers.parse({ names: ["b"] }), given);
});

test("no more is remembered than there is room for", () => {
  const remembers = remembering(shape());
  const first = remembers.parse({ names: ["first"] });
  for (let more = 0; more < sandboxesRememberedMax; more++) remembers.parse({ names: [`${more}`] });
  assert.notEqual(remembers.parse({ names: ["first"] }), first);
});

test("a number beyond all bounds is not taken for the null that its text is", () => {
  const remembers = remembering(shape());
  remembers.parse({ names: [], depth: null });
  assert.ok(!remembers.safeParse({ names: [], depth: JSON.parse("1e999") }).success);
});
