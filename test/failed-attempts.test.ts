import assert from "node:assert/strict";
import { test } from "node:test";
import { failedAddressesMax, failedAttemptsMax, failedAttemptsWindowMs } from "../src/limits.ts";
import { FailedAttempts } from "../src/server/access/failed-attempts.ts";

function failedAt(address: string, now: number): FailedAttempts {
  const attempts = new FailedAttempts();
  for (let count = 1; count <= failedAttemptsMax; count++) {
    assert.equal(attempts.waitMs(address, now), 0);
    assert.equal(attempts.add(address, now), count === failedAttemptsMax);
  }
  return attempts;
}

test("an address waits after its last attempt until its window ends", () => {
  const attempts = failedAt("192.0.2.1", 1000);
  assert.equal(attempts.waitMs("192.0.2.1", 1000), failedAttemptsWindowMs);
  assert.equal(attempts.waitMs("192.0.2.1", 1000 + failedAttemptsWindowMs), 0);
});

const sameOrigin: [string, string, boolean][] = [
  ["192.0.2.1", "192.0.2.2", false],
  ["192.0.2.1", "::ffff:192.0.2.1", true],
  ["2001:db8::1", "2001:db8::ffff:1", true],
  ["2001:db8:0:0:1:2:3:4", "2001:db8::", true],
  ["2001:db8:0:1::1", "2001:db8:0:2::1", false],
  ["fe80::1%eth0", "fe80::2", true],
  ["::1", "::2", true],
];
for (const [one, other, isSame] of sameOrigin) {
  test(`${one} and ${other} ${isSame ? "wait together" : "do not wait for each other"}`, () => {
    assert.equal(failedAt(one, 0).waitMs(other, 0) > 0, isSame);
  });
}

test("the oldest address is forgotten for a new one", () => {
  const attempts = failedAt("192.0.2.1", 0);
  for (let count = 0; count < failedAddressesMax; count++) {
    attempts.add(`10.${count >> 16}.${(count >> 8) & 255}.${count & 255}`, 0);
  }
  assert.equal(attempts.waitMs("192.0.2.1", 0), 0);
});
