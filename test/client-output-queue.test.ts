import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConnectionError } from "../src/client/calls/errors.ts";
import { OutputQueue } from "../src/client/processes/output-queue.ts";
import { gapReadBytesMin } from "../src/limits.ts";
import type { Result } from "../src/protocol/methods.ts";

const mebibyte = 1024 * 1024;
const chunkOf = (seq: number) => Buffer.alloc(mebibyte, seq).toString("base64");
const outputOf = (seq: number) => ({ seq, stream: "stdout" as const, chunk: chunkOf(seq) });

interface Course {
  /** The oldest chunk that the executor still has. */
  readonly retainedFrom?: number;
  /** Chunks that it had dropped before they could be pushed. */
  readonly missed?: number;
  /** Of the reads, the one that finds the connection broken. */
  readonly broken?: number;
}

/** The queue of a process that has printed this many chunks, and got them as they came. */
function queueOf(chunks: number, { retainedFrom = 1, missed = 0, broken }: Course = {}) {
  const reads: number[] = [];
  const sizes: unknown[] = [];
  const queue = new OutputQueue(async ({ afterSeq, maxBytes }): Promise<Result<"process/read">> => {
    const seq = Math.max((afterSeq ?? 0) + 1, retainedFrom);
    reads.push(seq);
    sizes.push(maxBytes);
    if (reads.length === broken) throw new ConnectionError("broken");
    return {
      chunks: seq <= chunks ? [outputOf(seq)] : [],
      nextSeq: seq + 1,
      exited: false,
      exitCode: null,
      closed: false,
      failure: null,
      sandboxDenied: false,
      droppedBytes: (retainedFrom - 1) * mebibyte,
    };
  });
  queue.lose(missed * mebibyte);
  for (let seq = missed + 1; seq <= chunks; seq++) queue.push(outputOf(seq));
  return { queue, reads, sizes };
}

async function drained(queue: OutputQueue) {
  queue.end();
  const seqs: (number | undefined)[] = [];
  let lostBytes = 0;
  for (let chunk = await queue.next(); chunk; chunk = await queue.next()) {
    seqs.push(chunk.bytes[0]);
    lostBytes += chunk.lostBytes;
  }
  return { seqs, lostBytes };
}

const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);

describe("output that waits for its reader", () => {
  test("is kept here while it is little", async () => {
    const { queue, reads } = queueOf(10);
    assert.deepEqual(await drained(queue), { seqs: upTo(10), lostBytes: 0 });
    assert.deepEqual(reads, []);
  });

  test("is left with the executor beyond that, and read from there in the end", async () => {
    const { queue, reads } = queueOf(80);
    assert.deepEqual(await drained(queue), { seqs: upTo(80), lostBytes: 0 });
    assert.ok(reads.length > 0 && reads.length < 20, `${reads.length} reads`);
  });

  test("is told to be lost when the executor has dropped it meanwhile", async () => {
    const { queue } = queueOf(80, { retainedFrom: 78 });
    const { seqs, lostBytes } = await drained(queue);
    assert.deepEqual(seqs.slice(-3), [78, 79, 80]);
    assert.equal(lostBytes, (80 - seqs.length) * mebibyte);
    assert.ok(lostBytes > 0);
  });

  test("is told to be lost once, however that was learned", async () => {
    const { queue } = queueOf(80, { retainedFrom: 78, missed: 2 });
    assert.equal((await queue.next())?.lostBytes, 2 * mebibyte);
    const { seqs, lostBytes } = await drained(queue);
    assert.deepEqual(seqs.slice(-3), [78, 79, 80]);
    assert.equal(lostBytes, (80 - 3 - seqs.length) * mebibyte);
  });

  test("is read on after a broken connection, in small pages at first", async () => {
    const { queue, sizes } = queueOf(80, { broken: 3 });
    assert.deepEqual(await drained(queue), { seqs: upTo(80), lostBytes: 0 });
    assert.deepEqual(
      sizes.slice(0, 5),
      [1, 2, 4, 1, 2].map((times) => times * gapReadBytesMin),
    );
  });

  test("ends with the error that ended the process, after what had come", async () => {
    const queue = new OutputQueue(() => assert.fail("nothing was left with the executor"));
    queue.push(outputOf(1));
    queue.end(new Error("lost"));
    assert.equal((await queue.next())?.bytes[0], 1);
    await assert.rejects(queue.next(), /lost/);
  });
});
