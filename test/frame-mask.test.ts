import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { mask, unmask } from "../src/server/socket/frame-mask.ts";

const bytewise = (bytes: Uint8Array, bits: Uint8Array) =>
  Buffer.from(bytes.map((byte, at) => byte ^ (bits[at & 3] ?? 0)));

const payload = fc.uint8Array({ maxLength: 100 });
const bits = fc.uint8Array({ minLength: 4, maxLength: 4 });
const place = fc.integer({ min: 0, max: 7 });

/** A copy of the bytes that begins at any address. */
function placed(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.alloc(at + bytes.length).subarray(at);
  copy.set(bytes);
  return copy;
}

test("a payload is unmasked wherever it lies in memory", () => {
  fc.assert(
    fc.property(payload, bits, place, (bytes, key, at) => {
      const buffer = placed(bytes, at);
      unmask(buffer, key);
      assert.deepEqual(buffer, bytewise(bytes, key));
    }),
  );
});

test("a payload is masked in place, and into another buffer without touching itself", () => {
  fc.assert(
    fc.property(payload, bits, place, (bytes, key, at) => {
      const source = placed(bytes, at);
      const output = Buffer.alloc(bytes.length + 9);
      mask(source, key, output, 5, bytes.length);
      assert.deepEqual(output.subarray(5, 5 + bytes.length), bytewise(bytes, key));
      assert.deepEqual(output.subarray(5 + bytes.length), Buffer.alloc(4));
      assert.deepEqual(source, Buffer.from(bytes));
      mask(source, key, source, 0, bytes.length);
      assert.deepEqual(source, bytewise(bytes, key));
    }),
  );
});
