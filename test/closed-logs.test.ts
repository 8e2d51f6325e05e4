import assert from "node:assert/strict";
import { test } from "node:test";
import { OutputLog } from "../src/environment/local/output/output-log.ts";
import { SpillStore } from "../src/environment/local/output/spill-store.ts";

const outputBytes = 100_000;

/** A process that printed and was closed. */
function closedLog(spill: SpillStore, fill: number): OutputLog {
  const log = new OutputLog({ spill });
  for (let part = 0; part < 10; part++) {
    log.append("stdout", Buffer.alloc(outputBytes / 10, fill + part));
  }
  log.exit({ exitCode: fill, sandboxDenied: false });
  log.close();
  return log;
}

const textOf = (chunks: readonly { readonly chunk: string }[]) =>
  Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk, "base64"))).toString("hex");

const page = { afterSeq: null, maxBytes: null, waitMs: null };

test("closed processes keep so much in memory altogether, and the rest on disk", async () => {
  const spill = new SpillStore({ closedBytesMax: 3 * outputBytes });
  const logs = Array.from({ length: 12 }, (_, at) => closedLog(spill, at));
  const inMemory = logs.map(({ memoryBytes }) => memoryBytes);
  assert.deepEqual(inMemory, [...Array(9).fill(0), ...Array(3).fill(outputBytes)]);
  const whole = closedLog(new SpillStore(), 0);
  const expected = await whole.read(page);
  const moved = await logs[0]?.read(page);
  assert.equal(textOf(moved?.chunks ?? []), textOf(expected.chunks));
  assert.deepEqual({ ...moved, chunks: [] }, { ...expected, chunks: [] });
  await Promise.all([...logs, whole].map((log) => log.dispose()));
});

test("a reader that is paging while a log leaves memory misses nothing", async () => {
  const spill = new SpillStore({ closedBytesMax: outputBytes });
  const log = closedLog(spill, 1);
  const chunks = [];
  let afterSeq = 0;
  for (;;) {
    const reading = log.read({ ...page, afterSeq, maxBytes: 8192 });
    if (chunks.length === 4) await closedLog(spill, 2).dispose();
    const answer = await reading;
    if (answer.chunks.length === 0) break;
    chunks.push(...answer.chunks);
    afterSeq = answer.nextSeq - 1;
  }
  assert.equal(log.memoryBytes, 0);
  assert.equal(textOf(chunks).length, 2 * outputBytes);
  await log.dispose();
});

test("memory is free again for others when a log is disposed of", async () => {
  const spill = new SpillStore({ closedBytesMax: outputBytes });
  await closedLog(spill, 1).dispose();
  const log = closedLog(spill, 2);
  assert.equal(log.memoryBytes, outputBytes);
  await log.dispose();
});

test("a log that was disposed of before its process was closed takes no memory", async () => {
  const spill = new SpillStore({ closedBytesMax: outputBytes });
  const kept = closedLog(spill, 1);
  const given = new OutputLog({ spill });
  given.append("stdout", Buffer.alloc(outputBytes));
  await given.dispose();
  given.exit({ exitCode: 137, sandboxDenied: false });
  given.close();
  assert.deepEqual([kept.memoryBytes, given.memoryBytes], [outputBytes, 0]);
  assert.equal(spill.closedLogs.memoryBytes, outputBytes);
  await kept.dispose();
});
