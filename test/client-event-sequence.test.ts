import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { deferred } from "../src/async/deferred.ts";
import { EventSequence } from "../src/environment/remote/event-sequence.ts";
import { earlyEventBytesMax } from "../src/limits.ts";
import type { Emit, Params, ProcessEvent, Result } from "../src/protocol/methods.ts";

const processId = "p";
type Page = Result<"process/read">;

/** A process that has said all it will: outputs, its exit at a place of its own, and its end. */
interface Told {
  readonly outputs: number;
  readonly exitSeq: number;
  /** Outputs before this number are retained no longer. */
  readonly retainedFrom: number;
}

const told = fc.integer({ min: 0, max: 30 }).chain((outputs) =>
  fc.record({
    outputs: fc.constant(outputs),
    exitSeq: fc.integer({ min: 1, max: outputs + 1 }),
    retainedFrom: fc.constant(0),
  }),
);

const chunkOf = (seq: number) => Buffer.from(`<${seq}>`).toString("base64");
const closedSeq = ({ outputs }: Told) => outputs + 2;
const outputSeqs = (process: Told) =>
  Array.from({ length: process.outputs + 1 }, (_, at) => at + 1).filter(
    (seq) => seq !== process.exitSeq,
  );

/** Answers as the executor does, with pages of two chunks at the most. */
function pageOf(process: Told, { afterSeq }: Params<"process/read">): Page {
  const retained = outputSeqs(process).filter((seq) => seq >= process.retainedFrom);
  const seqs = retained.filter((seq) => seq > (afterSeq ?? 0)).slice(0, 2);
  const dropped = outputSeqs(process).filter((seq) => seq < process.retainedFrom);
  return {
    chunks: seqs.map((seq) => ({ seq, stream: "stdout", chunk: chunkOf(seq) })),
    nextSeq: seqs.length > 0 ? (seqs.at(-1) ?? 0) + 1 : closedSeq(process) + 1,
    exited: true,
    exitCode: 7,
    closed: true,
    failure: null,
    sandboxDenied: false,
    droppedBytes: dropped.reduce((sum, seq) => sum + `<${seq}>`.length, 0),
  };
}

/** With `pushRest` an answer is one of the moment after its last chunk, unless it holds all. */
function wholePageOf(process: Told, params: Params<"process/read">): Page {
  const page = pageOf(process, params);
  const isCut = page.nextSeq <= Math.max(0, ...outputSeqs(process));
  if (!isCut) return { ...page, nextSeq: closedSeq(process) + 1 };
  const exited = process.exitSeq < page.nextSeq;
  return { ...page, exited, exitCode: exited ? 7 : null, closed: false };
}

/** Everything that a sequence gives, in the order in which it does. */
class Given {
  readonly texts: string[] = [];
  lostBytes = 0;

  readonly emit: Emit<ProcessEvent> = (event, params) => {
    if ("chunk" in params) this.texts.push(Buffer.from(params.chunk, "base64").toString());
    else if ("exitCode" in params) this.texts.push(`exit ${params.exitCode}`);
    else this.texts.push(event);
    return true;
  };
}

const sequenceOf = (process: Told, given: Given) => new EventSequence(optionsOf(process, given));

const optionsOf = (process: Told, given: Given) => ({
  processId,
  read: async (params: Params<"process/read">) => pageOf(process, params),
  emit: given.emit,
  onLost: (bytes: number) => {
    given.lostBytes += bytes;
  },
  pushesRest: () => false,
  onFailed: (error: Error) => assert.fail(error),
});

const emptyPage: Page = {
  ...{ chunks: [], nextSeq: 1, exited: false, exitCode: null, closed: false, failure: null },
  sandboxDenied: false,
};

function push(sequence: EventSequence, process: Told, seq: number): void {
  if (seq === closedSeq(process)) sequence.accept("process/closed", { processId, seq });
  else if (seq === process.exitSeq) {
    sequence.accept("process/exited", { processId, seq, exitCode: 7, sandboxDenied: false });
  } else {
    const chunk = chunkOf(seq);
    sequence.accept("process/output", { processId, seq, stream: "stdout", chunk });
  }
}

function everything(process: Told): string[] {
  const texts = outputSeqs(process).map((seq) => `<${seq}>`);
  texts.splice(process.exitSeq - 1, 0, "exit 7");
  return [...texts, "process/closed"];
}

describe("the events of one process", () => {
  test("come once and in order, whichever of them were pushed, in whatever order", async () => {
    const anyPushes = fc.array(fc.nat({ max: 31 }), { maxLength: 60 });
    const whatever = fc.asyncProperty(told, anyPushes, fc.gen(), async (process, pushes, gen) => {
      const given = new Given();
      const sequence = sequenceOf(process, given);
      for (const number of pushes) {
        push(sequence, process, 1 + (number % closedSeq(process)));
        if (gen(fc.boolean)) await Promise.resolve();
      }
      await sequence.fill();
      assert.deepEqual(given.texts, everything(process));
      assert.equal(given.lostBytes, 0);
    });
    await fc.assert(whatever, { numRuns: 500 });
  });

  test("come once and in order after one read, behind which the rest is pushed", async () => {
    const places = fc.record({ missed: fc.nat({ max: 31 }), pushedBefore: fc.nat({ max: 31 }) });
    const whatever = fc.asyncProperty(told, places, async (process, { missed, pushedBefore }) => {
      const given = new Given();
      const last = closedSeq(process);
      const reads: Params<"process/read">[] = [];
      const sequence: EventSequence = new EventSequence({
        ...optionsOf(process, given),
        pushesRest: () => true,
        read: async (params) => {
          reads.push(params);
          const page = wholePageOf(process, params);
          setImmediate(() => {
            for (let seq = page.nextSeq; seq <= last; seq++) push(sequence, process, seq);
          });
          return page;
        },
      });
      const from = Math.min(missed, last);
      for (let seq = 1; seq <= from; seq++) push(sequence, process, seq);
      sequence.recover();
      for (let seq = from + pushedBefore; seq <= last; seq++) push(sequence, process, seq);
      await sequence.fill();
      await nextTurn();
      assert.deepEqual(given.texts, everything(process));
      assert.equal(given.lostBytes, 0);
      assert.equal(sequence.isBehind, false);
      assert.ok(reads.length <= 2 && reads.every(({ pushRest }) => pushRest));
    });
    await fc.assert(whatever, { numRuns: 500 });
  });

  test("are not here as long as one that came had no room and has not come again", async () => {
    const chunk = Buffer.alloc(1 << 20).toString("base64");
    const output = (seq: number) => ({ processId, seq, stream: "stdout" as const, chunk });
    const answer = deferred<Page>();
    const sequence = new EventSequence({
      ...optionsOf({ outputs: 0, exitSeq: 1, retainedFrom: 0 }, new Given()),
      pushesRest: () => true,
      read: () => answer.promise,
    });
    const filled = sequence.fill();
    const count = Math.ceil(earlyEventBytesMax / chunk.length) + 2;
    for (let seq = 2; seq <= count; seq++) sequence.accept("process/output", output(seq));
    answer.resolve({ ...emptyPage, chunks: [output(1)], nextSeq: 2 });
    await filled;
    assert.equal(sequence.isBehind, true);
    for (let seq = 2; seq <= count; seq++) sequence.accept("process/output", output(seq));
    assert.equal(sequence.isBehind, false);
  });

  test("are told without being asked for when all are pushed in order", () => {
    const process = { outputs: 3, exitSeq: 2, retainedFrom: 0 };
    const given = new Given();
    const sequence = sequenceOf(process, given);
    for (let seq = 1; seq <= closedSeq(process); seq++) push(sequence, process, seq);
    assert.deepEqual(given.texts, everything(process));
  });

  test("are told with the number of bytes that nobody has any more", async () => {
    const process = { outputs: 20, exitSeq: 21, retainedFrom: 15 };
    const given = new Given();
    const sequence = sequenceOf(process, given);
    for (const seq of [1, 2, 3]) push(sequence, process, seq);
    await sequence.fill();
    const all = everything(process);
    assert.deepEqual(given.texts, [...all.slice(0, 3), ...all.slice(14)]);
    assert.equal(given.lostBytes, all.slice(3, 14).join("").length);
  });

  test("end with exit and end also when the exit was among what is lost", async () => {
    const process = { outputs: 10, exitSeq: 4, retainedFrom: 8 };
    const given = new Given();
    const sequence = sequenceOf(process, given);
    await sequence.fill();
    assert.deepEqual(given.texts.slice(-2), ["exit 7", "process/closed"]);
  });

  for (const pushesRest of [true, false]) {
    const executor = pushesRest ? "one that pushes the rest" : "an older one";
    test(`end with a lost exit before the end when that is pushed meanwhile: ${executor}`, async () => {
      const process = { outputs: 10, exitSeq: 4, retainedFrom: 11 };
      const given = new Given();
      const answer = deferred<Page>();
      const sequence = new EventSequence({
        ...optionsOf(process, given),
        pushesRest: () => pushesRest,
        read: () => answer.promise,
      });
      const filled = sequence.fill();
      answer.resolve({ ...pageOf(process, { processId }), nextSeq: 12, closed: false });
      push(sequence, process, closedSeq(process));
      await filled;
      assert.deepEqual(given.texts, ["<11>", "exit 7", "process/closed"]);
    });
  }
});
