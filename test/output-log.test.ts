import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { type Ending, OutputLog } from "../src/environment/local/output/output-log.ts";
import type { OutputLogBounds } from "../src/environment/local/output/output-log-bounds.ts";
import { SpillStore } from "../src/environment/local/output/spill-store.ts";
import { OutputLogModel } from "./support/output-log-model.ts";

/** What happens to a log, in any order that a process can bring about. */
type Step =
  | { readonly kind: "output"; readonly stream: "stdout" | "stderr"; readonly length: number }
  | { readonly kind: "exit"; readonly exitCode: number }
  | { readonly kind: "close" }
  | {
      readonly kind: "read";
      readonly afterSeq?: number | undefined;
      readonly maxBytes?: number | undefined;
    };

const ending = (exitCode: number): Ending => ({ exitCode, sandboxDenied: false });

const small = fc.nat({ max: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("output" as const),
      stream: fc.constantFrom("stdout" as const, "stderr" as const),
      length: small,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("exit" as const), exitCode: small }) },
  { weight: 1, arbitrary: fc.constant({ kind: "close" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      afterSeq: fc.option(small, { nil: undefined }),
      maxBytes: fc.option(small, { nil: undefined }),
    }),
  },
);
const bounds: fc.Arbitrary<OutputLogBounds> = fc.record({
  chunkBytesMax: fc.integer({ min: 1, max: 12 }),
  bytesMax: fc.integer({ min: 12, max: 90 }),
  chunksMax: fc.integer({ min: 1, max: 20 }),
  confirmedBytesMax: fc.nat(100),
  unconfirmedBytesMax: fc.nat(100),
  answerBytesMax: fc.integer({ min: 5, max: 120 }),
  answerChunksMax: fc.integer({ min: 1, max: 30 }),
});

/** Letters that go on from piece to piece, so that a byte at the wrong place is seen. */
function letters(from: number, length: number): string {
  return Array.from({ length }, (_, at) => String.fromCharCode(97 + ((from + at) % 26))).join("");
}

/** Does the same to a log and to its model, and compares all answers. */
async function follow(
  log: OutputLog,
  model: OutputLogModel,
  steps: readonly Step[],
): Promise<void> {
  let written = 0;
  for (const each of steps) {
    if (each.kind === "output" && !model.closed) {
      const text = letters(written, each.length);
      written += each.length;
      model.append(each.stream, text);
      log.append(each.stream, Buffer.from(text));
    } else if (each.kind === "exit" && model.exitCode === null) {
      assert.equal(log.exit(ending(each.exitCode)).seq, model.exit(each.exitCode));
    } else if (each.kind === "close" && model.exitCode !== null && !model.closed) {
      assert.equal(log.close().seq, model.close());
    } else if (each.kind === "read") {
      const expected = model.read(each.afterSeq, each.maxBytes);
      assert.deepEqual(await log.read(each), expected);
    }
  }
  assert.deepEqual(await log.read({}), model.read());
}

test("a log answers as a plain list with the same rules does", async () => {
  await fc.assert(
    fc.asyncProperty(bounds, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
      await follow(new OutputLog({ bounds: limits }), new OutputLogModel(limits), steps);
    }),
    { numRuns: 400 },
  );
});

test("a log with a file behind it answers as one whose memory is endless", async () => {
  await fc.assert(
    fc.asyncProperty(bounds, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
      const log = new OutputLog({ bounds: limits, spill: new SpillStore({ blockBytes: 64 }) });
      const endless = { bytesMax: Number.POSITIVE_INFINITY, chunksMax: Number.POSITIVE_INFINITY };
      try {
        await follow(log, new OutputLogModel({ ...limits, ...endless }), steps);
      } finally {
        await log.dispose();
      }
    }),
    { numRuns: 200 },
  );
});

test("paging through a log gives every chunk once, whatever the page size", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(small, { maxLength: 30 }), small, async (lengths, maxBytes) => {
      const log = new OutputLog({ bounds: { chunkBytesMax: 8 } });
      const text = letters(
        0,
        lengths.reduce((sum, length) => sum + length, 0),
      );
      let start = 0;
      for (const length of lengths) {
        log.append("stdout", Buffer.from(text.slice(start, start + length)));
        start += length;
      }
      let read = "";
      for (let afterSeq = 0; ; ) {
        const page = await log.read({ afterSeq, maxBytes });
        if (page.chunks.length === 0) break;
        read += page.chunks.map(({ chunk }) => atob(chunk)).join("");
        afterSeq = page.nextSeq - 1;
      }
      assert.equal(read, text);
    }),
  );
});

const forEver = Number.MAX_SAFE_INTEGER;

test("a waiting reader is woken by output, exit and closing", async () => {
  const log = new OutputLog();
  const first = log.read({ waitMs: forEver });
  log.append("stdout", Buffer.from("x"));
  assert.deepEqual((await first).chunks, [{ seq: 1, stream: "stdout", chunk: "eA==" }]);
  const second = log.read({ afterSeq: 1, waitMs: forEver });
  log.exit(ending(7));
  assert.deepEqual(await second, {
    chunks: [],
    nextSeq: 3,
    exited: true,
    exitCode: 7,
    closed: false,
    failure: null,
    sandboxDenied: false,
    droppedBytes: 0,
  });
  const third = log.read({ afterSeq: 2, waitMs: forEver });
  log.close();
  assert.equal((await third).closed, true);
});

test("a reader that knows of the exit waits on for the closing", async () => {
  const log = new OutputLog();
  const { seq: exitSeq } = log.exit(ending(0));
  assert.equal((await log.read({ afterSeq: exitSeq - 1, waitMs: forEver })).exited, true);
  const waiting = log.read({ afterSeq: exitSeq, waitMs: forEver });
  const order: string[] = [];
  const done = waiting.then(() => order.push("woken"));
  await new Promise(setImmediate);
  order.push("closing");
  log.close();
  await done;
  assert.deepEqual(order, ["closing", "woken"]);
});

test("a reader waits no longer than asked, and not at all by default", async () => {
  const log = new OutputLog();
  assert.deepEqual((await log.read({ waitMs: 1 })).chunks, []);
  assert.deepEqual((await log.read({})).chunks, []);
});

test("output that is older than what the reader knows wakes nobody", async () => {
  const log = new OutputLog();
  const waiting = log.read({ afterSeq: 2, waitMs: forEver });
  log.append("stdout", Buffer.from("a"));
  log.append("stdout", Buffer.from("b"));
  log.append("stdout", Buffer.from("c"));
  assert.deepEqual((await waiting).chunks, [{ seq: 3, stream: "stdout", chunk: "Yw==" }]);
});

test("readers are rejected when told, and later ones wait as before", async () => {
  const log = new OutputLog();
  const waiting = [log.read({ waitMs: forEver }), log.read({ waitMs: forEver })];
  log.rejectReaders(new Error("gone"));
  for (const each of waiting) await assert.rejects(each, /gone/);
  const later = log.read({ waitMs: forEver });
  log.append("stderr", Buffer.from("x"));
  assert.equal((await later).chunks.length, 1);
});
