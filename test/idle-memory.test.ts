import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { IdleMemory } from "../src/commands/idle-memory.ts";
import { collectedBytesMin } from "../src/limits.ts";
import { collectGarbage } from "./support/garbage.ts";

const pieceBytes = 1024 * 1024;
const pieces = (2 * collectedBytesMin) / pieceBytes;

const takeBuffers = () => Array.from({ length: pieces }, () => Buffer.alloc(pieceBytes));
const bufferBytes = () => process.memoryUsage().arrayBuffers;

function work(lengthMs: number): void {
  for (const start = performance.now(); performance.now() - start < lengthMs; );
}

/** Others may keep the machine so busy that a short time is none in which this process was idle. */
async function lookUntil(isOver: () => boolean, memory: IdleMemory, t: TestContext) {
  while (!isOver()) {
    t.signal.throwIfAborted();
    await setTimeout(250);
    memory.look();
  }
}

test("what is dead is collected when nothing is being done, and not before", {
  timeout: 60_000,
}, async (t) => {
  // Before its first turn the event loop counts nothing as work; Node 24 may begin tests by then.
  await setTimeout(1);
  collectGarbage();
  const memory = new IdleMemory();
  const before = bufferBytes();
  const taken = takeBuffers();
  work(20);
  taken.length = 0;
  memory.look();
  // What was there before may still be freed on another thread.
  assert.ok(bufferBytes() >= pieces * pieceBytes);
  await lookUntil(() => bufferBytes() < before + collectedBytesMin, memory, t);
});

test("what was still in use after the work is collected when it must have expired", {
  timeout: 60_000,
}, async (t) => {
  await setTimeout(1);
  collectGarbage();
  const memory = new IdleMemory();
  const before = bufferBytes();
  // More than may be left of the test before.
  const taken = [...takeBuffers(), ...takeBuffers()];
  work(20);
  memory.look();
  const asked = askedCollections(t);
  await lookUntil(() => asked() >= 1, memory, t);
  assert.ok(bufferBytes() >= taken.length * pieceBytes);
  taken.length = 0;
  await lookUntil(() => asked() >= 2, memory, t);
  await lookUntil(() => bufferBytes() < before + collectedBytesMin, memory, t);
});

test("without a free descriptor nothing is known of the memory, and that harms nothing", () => {
  const program = `
    import { openSync } from "node:fs";
    import { IdleMemory } from "./src/commands/idle-memory.ts";
    const memory = new IdleMemory();
    try {
      for (;;) openSync("/dev/null");
    } catch {}
    memory.look();`;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", program];
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const limited = ["-c", 'ulimit -n 100; exec "$0" "$@"', ...node];
  const run = spawnSync("/bin/sh", limited, { cwd, encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
});

/** How many there were that V8 did not begin by itself. */
function askedCollections(t: TestContext): () => number {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    const all = list.getEntries() as unknown as { detail: { flags: number } }[];
    count += all.filter(
      ({ detail }) => detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED,
    ).length;
  });
  observer.observe({ entryTypes: ["gc"] });
  t.after(() => observer.disconnect());
  return () => count;
}
