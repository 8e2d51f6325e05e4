import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import {
  callsRemembered,
  directSliceMs,
  handedOverMax,
  handOverMs,
  slowCallMs,
} from "../src/limits.ts";
import { CallKind, callDirectly } from "../src/system/direct-calls.ts";

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

  test("go on here after one that took long for what it gave", async () => {
    // One before it that the system interrupted would count as well.
    while ((await callDirectly({ now: () => "loop", later: onThread })) === "thread");
    const hour = 3_600_000;
    const large = { now: () => busyFor(slowCallMs + 1), later: onThread, workMs: () => hour };
    await callDirectly<unknown>(large);
    assert.equal(await callDirectly<unknown>({ now: () => "loop", later: onThread }), "loop");
  });

  test("go to threads for a while after one that took long", async () => {
    const slow = { now: () => busyFor(slowCallMs + 1), later: onThread };
    await callDirectly<unknown>(slow);
    assert.equal(await callDirectly<unknown>({ now: () => "loop", later: onThread }), "thread");
  });
});

describe("calls of one kind", () => {
  const long = handOverMs * 2;

  test("go to threads when they take longer than handing them over", async () => {
    const kind = new CallKind();
    assert.equal(kind.isSlow, false);
    kind.took(long, callsRemembered);
    assert.equal(await callDirectly({ now: () => "loop", later: onThread, kind }), "thread");
  });

  test("go on here after one that was interrupted for long", () => {
    const kind = new CallKind();
    kind.took(1000);
    assert.equal(kind.isSlow, false);
  });

  test("are tried here now and then, until they are quick again", () => {
    const kind = new CallKind();
    kind.took(long, callsRemembered);
    const looks = Array.from({ length: handedOverMax }, () => kind.isSlow);
    assert.deepEqual(looks, [...Array<boolean>(handedOverMax - 1).fill(true), false]);
    for (let calls = 0; calls < callsRemembered * 2; calls++) kind.took(0);
    assert.equal(kind.isSlow, false);
  });
});
