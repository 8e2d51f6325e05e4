import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { OutputLog } from "../src/environment/local/output/output-log.ts";

type Step =
  | { readonly kind: "output" | "exit" | "close" | "reject" }
  | { readonly kind: "wait"; readonly afterSeq: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: "output" as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), afterSeq: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.constantFrom("exit", "close", "reject").map((kind) => ({ kind })) },
) as fc.Arbitrary<Step>;

/** Readers that wait for ever, and when each of them has to be woken. */
class Model {
  lastOutput = 0;
  nextSeq = 1;
  exitSeq: number | undefined;
  isClosed = false;

  hasNewsAfter(seq: number): boolean {
    if (this.isClosed || this.lastOutput > seq) return true;
    return this.exitSeq !== undefined && seq < this.nextSeq - 1;
  }
}

test("readers that wait are woken by what they wait for, at once, and by nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const log = new OutputLog();
      const model = new Model();
      const waiting = new Map<number, number>();
      const settled = new Map<number, string>();
      for (const [at, each] of steps.entries()) {
        if (each.kind === "output" && !model.isClosed) {
          log.append("stdout", Buffer.from("x"));
          model.lastOutput = model.nextSeq++;
        } else if (each.kind === "exit" && model.exitSeq === undefined) {
          model.exitSeq = model.nextSeq++;
          log.exit({ exitCode: 0, sandboxDenied: false });
        } else if (each.kind === "close" && model.exitSeq !== undefined && !model.isClosed) {
          model.isClosed = true;
          model.nextSeq++;
          log.close();
        } else if (each.kind === "wait") {
          waiting.set(at, each.afterSeq);
          const read = log.read({ afterSeq: each.afterSeq, waitMs: Number.MAX_SAFE_INTEGER });
          read.then(
            () => settled.set(at, "woken"),
            () => settled.set(at, "rejected"),
          );
        } else if (each.kind === "reject") {
          log.rejectReaders(new Error("gone"));
        }
        await new Promise(setImmediate);
        for (const [reader, afterSeq] of waiting) {
          const isRejected = each.kind === "reject" && reader !== at;
          const expected = model.hasNewsAfter(afterSeq) ? "woken" : isRejected && "rejected";
          assert.equal(settled.get(reader), expected || undefined, `reader ${reader}`);
          if (expected) waiting.delete(reader);
        }
      }
      log.rejectReaders(new Error("over"));
    }),
    { numRuns: 300 },
  );
});

test("an answer that cannot hold all that was printed does not tell the end behind it", async () => {
  const log = new OutputLog({ bounds: { chunkBytesMax: 10, answerBytesMax: 20 } });
  log.append("stdout", Buffer.alloc(50, "x"));
  log.exit({ exitCode: 3, sandboxDenied: false });
  log.close();
  const told = ({ nextSeq, exited, exitCode, closed }: Awaited<ReturnType<typeof log.read>>) => ({
    ...{ nextSeq, exited, exitCode, closed },
  });
  const unfinished = { nextSeq: 3, exited: false, exitCode: null, closed: false };
  assert.deepEqual(told(await log.read({})), unfinished);
  assert.deepEqual(told(await log.read({ maxBytes: 20, pushRest: true })), unfinished);
  const rest = told(await log.read({ afterSeq: 3 }));
  assert.deepEqual(rest, { nextSeq: 8, exited: true, exitCode: 3, closed: true });
});
