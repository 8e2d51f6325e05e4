import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OutputQueue } from "../src/client/output-queue.ts";
import type { Result } from "../src/protocol/methods.ts";

const mebibyte = 1024 * 1024;
const chunkOf = (seq: number) => Buffer.alloc(mebibyte, seq).toString("base64");
const outputOf = (seq: number) => ({ seq, stream: "stdout" as const, chunk: chunkOf(seq) });

/** The queue of a process that has printed this many chunks, all of them pushed. */
function queueOf(chunks: number, retainedFrom = 1) {
  const reads: number[] = [];
  const queue = new OutputQueue(async ({ afterSeq }): Promise<Result<"process/read">> => {
    const seq = Math.max((afterSeq ?? 0) + 1, retainedFrom);
    reads.push(seq);
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
  for (let seq = 1; seq <= chunks; seq++) queue.push(outputOf(seq));
  queue.end();
  return { queue, reads };
}

async function drained(queue: OutputQueue) {
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
    const { queue } = queueOf(80, 78);
    const { seqs, lostBytes } = await drained(queue);
    assert.deepEqual(seqs.slice(-3), [78, 79, 80]);
    assert.equal(lostBytes, (80 - seqs.length) * mebibyte);
    assert.ok(lostBytes > 0);
  });

  test("ends with the error that ended the process, after what had come", async () => {
    const queue = new OutputQueue(() => assert.fail("nothing was left with the executor"));
    queue.push(outputOf(1));
    queue.end(new Error("lost"));
    assert.equal((await queue.next())?.bytes[0], 1);
    await assert.rejects(queue.next(), /lost/);
  });
});
