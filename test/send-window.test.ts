import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bulkDelayMs } from "../src/limits.ts";
import { SendWindow } from "../src/protocol/send-window.ts";

interface Upload {
  /** How fast the line is when so many characters have been sent. */
  readonly charsPerMs: (sentChars: number) => number;
  /** There and back. */
  readonly latencyMs: number;
  readonly messageChars: number;
  readonly totalChars: number;
  /** When the other end sees what has come by then; at once if nothing is said. */
  readonly seenAtMs?: (comeAtMs: number) => number;
}

/** Sends messages one after the other, as soon as the window lets them, over a line of numbers. */
function upload(line: Upload) {
  const { charsPerMs, latencyMs, messageChars, totalChars, seenAtMs = (atMs) => atMs } = line;
  const window = new SendWindow();
  const marks: { readonly mark: number; readonly atMs: number }[] = [];
  const waitsMs: number[] = [];
  let nowMs = 0;
  let busyUntilMs = 0;
  for (let sentChars = 0; sentChars < totalChars; ) {
    if (window.hasRoom()) {
      busyUntilMs = Math.max(busyUntilMs, nowMs) + messageChars / charsPerMs(sentChars);
      sentChars += messageChars;
      waitsMs.push(busyUntilMs - nowMs);
      const atMs = seenAtMs(busyUntilMs) + latencyMs;
      marks.push({ mark: window.send(messageChars, nowMs), atMs });
    } else {
      const next = marks.shift();
      assert.ok(next, "a window that is full has something on its way");
      nowMs = next.atMs;
      window.arrive(next.mark, nowMs);
    }
  }
  return { waitsMs, tookMs: busyUntilMs };
}

const longest = (waitsMs: readonly number[]) => Math.max(...waitsMs);

describe("the window of what is on its way", () => {
  const lines: [string, number, number, number][] = [
    ["slow", 100, 100, 87_000],
    ["usual", 1_000, 40, 87_000],
    ["far", 1_000, 300, 87_000],
    ["fast and far", 10_000, 200, 350_000],
    ["very fast", 1_000_000, 0.3, 1_400_000],
  ];
  for (const [kind, charsPerMs, latencyMs, messageChars] of lines) {
    test(`keeps a ${kind} line busy, and what is urgent waiting for a moment only`, () => {
      const totalChars = charsPerMs * 60_000;
      const { waitsMs, tookMs } = upload({
        charsPerMs: () => charsPerMs,
        ...{ latencyMs, messageChars, totalChars },
      });
      assert.ok(tookMs < 61_500, `60 s of messages took ${tookMs} ms`);
      const twoMessagesMs = (2 * messageChars) / charsPerMs;
      assert.ok(longest(waitsMs) <= twoMessagesMs + bulkDelayMs, `${longest(waitsMs)} ms`);
    });
  }

  test("shrinks on a line that becomes slow, and grows again", () => {
    const isSlow = (sentChars: number) => sentChars > 10_000_000 && sentChars < 20_000_000;
    const { waitsMs, tookMs } = upload({
      charsPerMs: (sentChars) => (isSlow(sentChars) ? 200 : 5_000),
      ...{ latencyMs: 50, messageChars: 10_000, totalChars: 60_000_000 },
    });
    assert.ok(longest(waitsMs.slice(1_500, 2_000)) < 2 * bulkDelayMs);
    assert.ok(tookMs < 61_500, `60 s of messages took ${tookMs} ms`);
  });

  const hindrances: [string, (comeAtMs: number) => number][] = [
    ["whose way becomes long", (atMs) => (atMs > 10_000 ? atMs + 600 : atMs)],
    ["whose way becomes a little longer", (atMs) => (atMs > 10_000 ? atMs + 280 : atMs)],
    [
      "whose other end looks seldom",
      (atMs) => (atMs > 10_000 ? Math.ceil(atMs / 400) * 400 : atMs),
    ],
    ["whose way is very long", (atMs) => atMs + 1_000],
  ];
  for (const [kind, seenAtMs] of hindrances) {
    test(`keeps a line busy ${kind}`, () => {
      const { tookMs } = upload({
        charsPerMs: () => 10_000,
        ...{ latencyMs: 20, messageChars: 20_000, totalChars: 600_000_000, seenAtMs },
      });
      assert.ok(tookMs < 75_000, `60 s of messages took ${tookMs} ms`);
    });
  }

  test("lets little wait again after the way was long for a while", () => {
    const { waitsMs } = upload({
      charsPerMs: () => 1_000,
      seenAtMs: (atMs) => (atMs > 10_000 && atMs < 30_000 ? atMs + 2_000 : atMs),
      ...{ latencyMs: 20, messageChars: 10_000, totalChars: 300_000_000 },
    });
    const waitMs = longest(waitsMs.slice(-1_000));
    assert.ok(waitMs < 2 * bulkDelayMs, `${waitMs} ms`);
  });

  test("ignores what is no mark, and takes one for all before it", () => {
    const window = new SendWindow();
    while (window.hasRoom()) window.send(10_000, 0);
    for (const mark of [Number.NaN, 5, 0, 1_000_000]) window.arrive(mark, 1);
    assert.ok(!window.hasRoom());
    window.arrive(70_000, 100);
    assert.ok(window.hasRoom());
  });
});
