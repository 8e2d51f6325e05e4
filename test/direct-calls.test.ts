import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { callDirectly } from "../src/environment/local/direct-calls.ts";
import { directSliceMs, slowCallMs } from "../src/limits.ts";

function busyFor(durationMs: number): void {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs);
}

/** As a real one, it answers in a later turn. */
const onThread = () => setImmediate("thread" as const);

describe("file calls on the event loop", () => {
  test("give what the call gives, and fail as it fails", async () => {
    assert.equal(await callDirectly({ now: () => "loop", later: onThread }), "loop");
    const failure = new Error("no such file");
    const failing = (): string => {
      throw failure;
    };
    await assert.rejects(async () => callDirectly({ now: failing, later: onThread }), failure);
  });

  test("go to a thread when they must not be made here", async () => {
    assert.equal(await callDirectly({ later: onThread }), "thread");
  });

  test("let others have their turn, however many there are", async () => {
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) void setImmediate().then(count);
    };
    void setImmediate().then(count);
    const calls = 10;
    const call = { now: () => busyFor(directSliceMs), later: onThread };
    for (let made = 0; made < calls; made++) await callDirectly<unknown>(call);
    isOver = true;
    assert.ok(turns >= calls - 1, `${turns} turns`);
  });

  test("go to threads for a while after one that took long", async () => {
    const slow = { now: () => busyFor(slowCallMs + 1), later: onThread };
    await callDirectly<unknown>(slow);
    assert.equal(await callDirectly<unknown>({ now: () => "loop", later: onThread }), "thread");
  });
});
