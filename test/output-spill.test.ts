import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { deferred } from "../src/async/deferred.ts";
import { OutputLog } from "../src/environment/local/output/output-log.ts";
import type { OutputLogBounds } from "../src/environment/local/output/output-log-bounds.ts";
import { OutputSpill } from "../src/environment/local/output/output-spill.ts";
import { type SpillOptions, SpillStore } from "../src/environment/local/output/spill-store.ts";
import { numberedBytes, readWhole } from "./support/retained-output.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const bounds: Partial<OutputLogBounds> = { chunkBytesMax: 100, bytesMax: 1000, chunksMax: 50 };

interface Spilling extends SpillOptions {
  readonly bounds?: Partial<OutputLogBounds>;
}

/** A log that spills into a directory of its own, and what was warned of. */
async function spilling(options: Spilling, use: (bench: Bench) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "spill-"));
  const warnings: string[] = [];
  const all = { receivedBytesMax: Number.POSITIVE_INFINITY };
  const warn = (text: string) => warnings.push(text);
  const store = new SpillStore({ directory, warn, ...all, ...options });
  const logs: OutputLog[] = [];
  const open = (onRoom?: () => void) => {
    const log = new OutputLog({ bounds: { ...bounds, ...options.bounds }, spill: store, onRoom });
    logs.push(log);
    return log;
  };
  try {
    await use({ directory, warnings, open });
  } finally {
    await Promise.all(logs.map((log) => log.dispose()));
    rmSync(directory, { recursive: true });
  }
}

interface Bench {
  readonly directory: string;
  readonly warnings: string[];
  open(onRoom?: () => void): OutputLog;
}

/** What is retained must be the end of what was put in, and the rest must be counted. */
async function assertIsTail(log: OutputLog, all: Buffer): Promise<number> {
  const { bytes, droppedBytes } = await settledWhole(log);
  assert.equal(bytes.length + droppedBytes, all.length);
  assert.ok(bytes.equals(all.subarray(droppedBytes)), "not the newest bytes in their order");
  return bytes.length;
}

/** What is retained once the disk has what waited for it, and nothing is dropped meanwhile. */
async function settledWhole(log: OutputLog): ReturnType<typeof readWhole> {
  for (;;) {
    const { droppedBytes } = await log.read({ maxBytes: 0 });
    const whole = await readWhole((page) => log.read(page));
    if (whole.droppedBytes === droppedBytes) return whole;
  }
}

/** Appends piece by piece, as a process does that is paused while the disk is behind. */
async function fill(log: OutputLog, all: Buffer, pieceBytes: number): Promise<void> {
  for (let start = 0; start < all.length; start += pieceBytes) {
    log.append("stdout", all.subarray(start, start + pieceBytes));
    while (log.isBehind) await new Promise(setImmediate);
  }
}

test("the newest bytes are kept up to the bound of the file, whatever the pieces", async () => {
  const piece = fc.integer({ min: 20, max: 3000 });
  const length = fc.integer({ min: 0, max: 30_000 });
  await fc.assert(
    fc.asyncProperty(piece, length, async (pieceBytes, bytes) => {
      await spilling({ blockBytes: 512, bytesMax: 8192, queueBytesMax: 1024 }, async ({ open }) => {
        const all = numberedBytes(bytes);
        const log = open();
        await fill(log, all, pieceBytes);
        const retained = await assertIsTail(log, all);
        assert.ok(retained >= Math.min(bytes, 1000 - 100));
      });
    }),
    { numRuns: 40 },
  );
});

test("a file that is received does not grow, and loses nothing that it had", async () => {
  const options = { blockBytes: 512, receivedBytesMax: 2048, queueBytesMax: 1024 };
  await spilling(options, async ({ open }) => {
    const log = open();
    const all = numberedBytes(60_000);
    await fill(log, all.subarray(0, 10_000), 500);
    assert.ok((await assertIsTail(log, all.subarray(0, 10_000))) < 6000);
    log.setReceived(false);
    await fill(log, all.subarray(10_000, 40_000), 500);
    const retained = await assertIsTail(log, all.subarray(0, 40_000));
    assert.ok(retained >= 30_000);
    log.setReceived(true);
    await fill(log, all.subarray(40_000), 500);
    assert.ok((await assertIsTail(log, all)) > retained - 2000);
  });
});

test("pages that are read while the oldest output is dropped have only newer bytes", async () => {
  await spilling({ blockBytes: 512, bytesMax: 4096, queueBytesMax: 1024 }, async ({ open }) => {
    const all = numberedBytes(200_000);
    const log = open();
    const filling = fill(log, all, 700);
    let afterSeq = 0;
    for (let pages = 0; pages < 100; pages++) {
      const { chunks, nextSeq } = await log.read({ afterSeq, maxBytes: 900 });
      for (const { seq, chunk } of chunks) {
        assert.ok(seq > afterSeq);
        const bytes = Buffer.from(chunk, "base64");
        assert.notEqual(all.indexOf(bytes), -1, "bytes that were never put in");
      }
      afterSeq = nextSeq - 1;
    }
    await filling;
    await assertIsTail(log, all);
  });
});

test("all processes together keep no more than the bound of the store", async () => {
  const options = { blockBytes: 512, totalBytesMax: 4096, queueBytesMax: 512 };
  await spilling(options, async ({ open }) => {
    const all = numberedBytes(50_000);
    const logs = [open(), open(), open()];
    for (const log of logs) await fill(log, all, 512);
    const retained = await Promise.all(logs.map((log) => assertIsTail(log, all)));
    const total = retained.reduce((sum, bytes) => sum + bytes, 0);
    // Besides memory each has a block that is being filled, and some may wait for the disk.
    assert.ok(total < 4096 + 3 * 3000, `${total} bytes were kept`);
    await logs[0]?.dispose();
    const heir = open();
    await fill(heir, all, 512);
    assert.ok((await assertIsTail(heir, all)) > 3000);
  });
});

test("a log tells when the disk is behind, and when it has caught up", async () => {
  await spilling({ blockBytes: 512, queueBytesMax: 2048 }, async ({ open }) => {
    const room = deferred<void>();
    const log = open(room.resolve);
    assert.equal(log.isBehind, false);
    for (let pieces = 0; pieces < 40; pieces++) log.append("stdout", numberedBytes(500));
    assert.equal(log.isBehind, true);
    await room.promise;
    assert.equal(log.isBehind, false);
  });
});

test("the file has no name, and is gone with the log", async () => {
  await spilling({ blockBytes: 512 }, async ({ directory, open }) => {
    const log = open();
    await fill(log, numberedBytes(20_000), 500);
    // The file is opened beside the appending, and output waits for it in memory.
    while (openFilesBelow(directory).length === 0) await new Promise(setImmediate);
    assert.deepEqual(readdirSync(directory), []);
    await readWhole((page) => log.read(page));
    assert.equal(openFilesBelow(directory).length, 1);
    await log.dispose();
    assert.equal(openFilesBelow(directory).length, 0);
  });
});

function openFilesBelow(directory: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(directory) ? [target] : [];
    } catch {
      // That of the reading of the directory itself.
      return [];
    }
  });
}

test("without a folder to write to, memory is what is kept, with one warning", async () => {
  const options = { directory: "/proc/nowhere", blockBytes: 512, queueBytesMax: 1024 };
  await spilling(options, async ({ open, warnings }) => {
    const all = numberedBytes(30_000);
    const log = open();
    await fill(log, all, 500);
    assert.ok((await assertIsTail(log, all)) >= 900);
    assert.equal(warnings.length, 1);
    assert.match(warnings.join(), /cannot be kept on disk.*ENOENT/);
  });
});

/** A file whose blocks hold one chunk each; a block is written when another chunk comes. */
function singleChunks(t: TestContext, bytesMax?: number) {
  const directory = temporaryFolder(t, "spill");
  const store = new SpillStore({ directory, blockBytes: 200, queueBytesMax: 0, bytesMax });
  const spill = new OutputSpill(store, false, () => {});
  t.after(() => spill.close());
  const push = (seq: number, mark: string) =>
    spill.push({ kind: "output", seq, stream: "stdout", bytes: Buffer.alloc(150, mark) });
  const written = async () => {
    while (spill.isBehind) await new Promise(setImmediate);
  };
  return { spill, push, written };
}

test("what was read stays as it was when the memory that it was in is used again", async (t) => {
  const { spill, push, written } = singleChunks(t);
  push(1, "a");
  const [first] = await spill.after(0);
  for (const [index, mark] of [..."bcde"].entries()) {
    push(index + 2, mark);
    await written();
  }
  assert.equal(first?.bytes.toString(), "a".repeat(150));
});

test("the space of what is dropped while it is written is used again", async (t) => {
  const { spill, push, written } = singleChunks(t, 200);
  push(1, "a");
  push(2, "b");
  spill.clear();
  await written();
  push(3, "c");
  spill.finish();
  await written();
  assert.deepEqual(
    (await spill.after(0)).map(({ seq }) => seq),
    [3],
  );
});
