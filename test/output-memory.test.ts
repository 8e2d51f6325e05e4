import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { OutputLog } from "../src/environment/local/output/output-log.ts";
import type { OutputRun } from "../src/environment/local/output/output-run.ts";
import { ReadMemory } from "../src/environment/local/spawn/posix/reader.ts";
import { outputChunkBytesMax, outputReadBytesMax } from "../src/limits.ts";
import { numberedBytes, readWhole } from "./support/retained-output.ts";

test("retained bytes do not change with the buffer they came in, nor keep a big one alive", () => {
  const log = new OutputLog();
  const shared = Buffer.alloc(1 << 20, "a");
  const kept = [10, 5000, 20_000].flatMap((length) =>
    log.append("stdout", shared.subarray(0, length)),
  );
  shared.fill("z");
  for (const { bytes } of kept) {
    assert.ok(bytes.equals(Buffer.alloc(bytes.length, "a")));
    assert.ok(bytes.buffer.byteLength <= 20_000);
  }
});

test("what is retained of a flood stays as it was, whatever memory is used again", async () => {
  const small = fc.integer({ min: 1, max: 5_000 });
  const length = fc.oneof(small, small, fc.constant(outputReadBytesMax));
  const flood = Array.from({ length: 20 }, () => 5_000);
  const property = fc.asyncProperty(fc.array(length, { maxLength: 100 }), async (lengths) => {
    const log = new OutputLog({ bounds: { bytesMax: 3 * outputReadBytesMax } });
    const memory = new ReadMemory();
    const all = [...flood, ...lengths];
    const printed = numberedBytes(all.reduce((sum, each) => sum + each, 0));
    let start = 0;
    for (const each of all) {
      printed.copy(memory.bytes, 0, start, start + each);
      log.append("stdout", memory.take(each));
      start += each;
    }
    const { bytes, droppedBytes } = await readWhole((page) => log.read(page));
    assert.equal(bytes.length + droppedBytes, printed.length);
    assert.ok(bytes.equals(printed.subarray(droppedBytes)), "it has changed");
  });
  await fc.assert(property, { numRuns: 40 });
});

test("events that wait to be sent do not change with the output that comes behind them", async () => {
  const log = new OutputLog({ bounds: { bytesMax: outputReadBytesMax } });
  log.setReceived(false);
  const memory = new ReadMemory();
  const print = (mark: string) => {
    memory.bytes.fill(mark);
    log.append("stdout", memory.take(outputReadBytesMax));
  };
  print("a");
  const events = await log.eventsAfter(0, outputReadBytesMax);
  for (const mark of "bcdef") print(mark);
  const waiting = events.map((event) => (event.kind === "output" ? event.bytes : Buffer.alloc(0)));
  assert.ok(Buffer.concat(waiting).equals(Buffer.alloc(outputReadBytesMax, "a")));
});

test("output is kept and given whole, however much of its memory each read has filled", async () => {
  const half = outputReadBytesMax / 2;
  const length = fc.oneof(
    fc.integer({ min: 1, max: outputReadBytesMax }),
    fc.integer({ min: half - 2, max: half + 2 }),
    fc.integer({ min: 1, max: 100 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(length, { maxLength: 30 }), async (lengths) => {
      const log = new OutputLog({ bounds: { bytesMax: Number.POSITIVE_INFINITY } });
      const memory = new ReadMemory();
      const printed = numberedBytes(lengths.reduce((sum, each) => sum + each, 0));
      const runs: OutputRun[] = [];
      let start = 0;
      for (const each of lengths) {
        printed.copy(memory.bytes, 0, start, start + each);
        runs.push(...log.append("stdout", memory.take(each)));
        start += each;
      }
      const chunks = runs.flatMap((run) =>
        Array.from({ length: run.count }, (_, index) => run.chunkAt(index)),
      );
      assert.deepEqual(
        chunks.map(({ seq }) => seq),
        chunks.map((_, index) => index + 1),
      );
      assert.ok(chunks.every(({ bytes }) => bytes.length <= outputChunkBytesMax));
      assert.ok(Buffer.concat(chunks.map(({ bytes }) => bytes)).equals(printed));
      assert.ok((await readWhole((page) => log.read(page))).bytes.equals(printed));
    }),
    { numRuns: 40 },
  );
});
