import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProcessAbilities } from "./process-abilities.ts";
import {
  fails,
  hasMembers,
  type MakeProcesses,
  numbersFrom1To,
  type Workbench,
  workbenchTest,
} from "./process-workbench.ts";

const mebibyte = 1024 * 1024;
const md5 = (bytes: Buffer | string) => createHash("md5").update(bytes).digest("hex");

/** What a process says: events as they happen, and what `read` gives later. */
export function describeOutput(make: MakeProcesses, abilities: ProcessAbilities): void {
  const declare = (title: string, body: (workbench: Workbench) => Promise<void>) =>
    workbenchTest(title, make, body);

  declare("both streams, the exit and the closing share one count from 1", async (t) => {
    await t.run("p", "echo out; echo err >&2; exit 3");
    assert.equal(t.recorder.text("p", "stdout"), "out\n");
    assert.equal(t.recorder.text("p", "stderr"), "err\n");
    assert.equal(t.recorder.exitCode("p"), 3);
    assert.deepEqual(t.recorder.seqs("p"), numbersFrom1To(4));
    assert.equal(t.recorder.names("p").at(-1), "closed");
  });

  declare("a silent process has an exit and a closing", async (t) => {
    await t.run("p", "exit 0");
    const [exited] = t.recorder.of("p");
    const usage = exited?.event === "process/exited" ? exited.params.usage : undefined;
    assert.deepEqual(t.recorder.of("p"), [
      {
        event: "process/exited",
        params: { processId: "p", seq: 1, exitCode: 0, sandboxDenied: false, usage },
      },
      { event: "process/closed", params: { processId: "p", seq: 2 } },
    ]);
  });

  declare("death by a signal is 128 and its number", async (t) => {
    await t.run("p", "kill -15 $$");
    assert.equal(t.recorder.exitCode("p"), 143);
  });

  declare("bytes arrive as they are, in pieces of at most 8 KiB", async (t) => {
    const bytes = Buffer.from(Array.from({ length: 256 * 200 }, (_, at) => at % 256));
    await writeFile(join(t.directory, "bytes"), bytes);
    await t.run("p", ["/bin/cat", "bytes"]);
    assert.ok(t.recorder.bytes("p").equals(bytes));
    const { chunks } = await t.processes.read({ processId: "p" });
    const sizes = chunks.map(({ chunk }) => Buffer.from(chunk, "base64").length);
    assert.ok(Math.max(...sizes) <= 8192);
  });

  declare("five megabytes arrive whole and in order", async (t) => {
    await t.run("p", ["/usr/bin/seq", "1", "700000"]);
    const expected = numbersFrom1To(700_000).join("\n");
    assert.equal(md5(t.recorder.bytes("p")), md5(`${expected}\n`));
    assert.deepEqual(t.recorder.seqs("p"), numbersFrom1To(t.recorder.seqs("p").length));
  });

  declare("an exit is told at once although a grandchild holds the output open", async (t) => {
    await t.run("fifo", ["mkfifo", "gate"]);
    await t.start("p", "(read go < gate; echo late) & echo early; exit 6");
    assert.equal(await t.recorder.untilExited("p"), 6);
    if (!abilities.outlivesLeader) {
      await t.recorder.untilClosed("p");
      assert.equal(t.recorder.text("p"), "early\n");
      return;
    }
    const meanwhile = await t.processes.read({ processId: "p" });
    hasMembers(meanwhile, { exited: true, exitCode: 6, closed: false });
    const { nextSeq } = meanwhile;
    const poll = t.processes.read({ processId: "p", afterSeq: nextSeq - 1, waitMs: 20_000 });
    await writeFile(join(t.directory, "gate"), "go\n");
    assert.equal((await poll).chunks.length, 1);
    await t.recorder.untilClosed("p");
    assert.equal(t.recorder.text("p"), "early\nlate\n");
  });

  declare("a read has these members", async (t) => {
    await t.start("p", "printf x; exec cat", { pipeStdin: true });
    await t.recorder.untilText("p", /x/);
    assert.deepEqual(await t.processes.read({ processId: "p" }), {
      chunks: [{ seq: 1, stream: "stdout", chunk: "eA==" }],
      nextSeq: 2,
      exited: false,
      exitCode: null,
      closed: false,
      failure: null,
      sandboxDenied: false,
      droppedBytes: 0,
    });
    await t.processes.closeStdin({ processId: "p" });
    await t.recorder.untilClosed("p");
    const nulls = { processId: "p", afterSeq: null, maxBytes: null, waitMs: null };
    hasMembers(await t.processes.read(nulls), { nextSeq: 4, closed: true });
  });

  declare("a read gives chunks from where it is asked to, and as much as it may", async (t) => {
    await t.start("p", "exec cat", { pipeStdin: true });
    await t.write("p", "first\n");
    await t.recorder.untilText("p", /first/);
    await t.write("p", "second\n");
    await t.recorder.untilText("p", /second/);
    const page = async (maxBytes?: number, afterSeq?: number) => {
      const { chunks, nextSeq } = await t.processes.read({ processId: "p", maxBytes, afterSeq });
      return [chunks.map(({ chunk }) => Buffer.from(chunk, "base64").toString()), nextSeq];
    };
    for (const maxBytes of [0, 1, 6, 7, 12]) {
      assert.deepEqual(await page(maxBytes), [["first\n"], 2]);
    }
    assert.deepEqual(await page(13), [["first\n", "second\n"], 3]);
    assert.deepEqual(await page(undefined, 1), [["second\n"], 3]);
    assert.deepEqual(await page(undefined, 99), [[], 3]);
    assert.deepEqual(await page(5, 99), [[], 3]);
  });

  declare("a read waits for output, for the exit, and no longer than asked", async (t) => {
    await t.start("p", "read x; echo $x; read y; exit 8", { pipeStdin: true });
    const nothing = await t.processes.read({ processId: "p", waitMs: 20 });
    hasMembers(nothing, { chunks: [], nextSeq: 1, exited: false });
    const polls = Array.from({ length: 200 }, () =>
      t.processes.read({ processId: "p", waitMs: Number.MAX_SAFE_INTEGER }),
    );
    await t.write("p", "wake\n");
    for (const { chunks } of await Promise.all(polls)) assert.equal(chunks.length, 1);
    const exit = t.processes.read({ processId: "p", afterSeq: 1, waitMs: 20_000 });
    await t.write("p", "end\n");
    hasMembers(await exit, { chunks: [], exited: true, exitCode: 8 });
    await t.recorder.untilClosed("p");
    const after = await t.processes.read({ processId: "p", afterSeq: 50, waitMs: 1e9 });
    hasMembers(after, { chunks: [], closed: true });
    await fails(t.processes.read({ processId: "nobody" }), -32600, "unknown process id nobody");
  });

  declare("at least the newest mebibyte is retained, and what is lost is counted", async (t) => {
    await t.run("p", ["/usr/bin/seq", "1", "430000"]);
    const all = t.recorder.bytes("p");
    const { chunks, droppedBytes, nextSeq } = await t.processes.read({ processId: "p" });
    const retained = Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk, "base64")));
    assert.equal((droppedBytes ?? 0) + retained.length, all.length);
    assert.ok(retained.length > mebibyte - 8192);
    assert.ok(retained.equals(all.subarray(all.length - retained.length)));
    const given = new Set(chunks.map(({ seq }) => seq));
    const pushed = t.recorder.of("p").filter(({ event }) => event === "process/output");
    const newest = pushed.slice(-chunks.length).map(({ params }) => params.seq);
    assert.deepEqual([...given], newest);
    assert.equal(nextSeq, t.recorder.seqs("p").length + 1);
  });
}
