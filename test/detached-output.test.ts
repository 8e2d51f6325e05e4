import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { EventParams } from "../src/protocol/methods.ts";
import { type Client, connect } from "./support/client.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const printedBytes = 200_000_000;
/** What `seq 1 100000000 | head -c 200000000` prints. */
const printedSha256 = sha256OfNumbers();

function sha256OfNumbers(): string {
  const hash = createHash("sha256");
  let left = printedBytes;
  for (let line = 1; left > 0; ) {
    let text = "";
    for (let lines = 0; lines < 10_000; lines++) text += `${line++}\n`;
    hash.update(text.slice(0, left));
    left -= Math.min(left, text.length);
  }
  return hash.digest("hex");
}

/** A client that comes back after 200 MB were printed while nobody was there. */
async function backAfterFlood(t: TestContext): Promise<Client> {
  const directory = temporaryFolder(t, "detached");
  const { url } = await startServer(t, { env: { TMPDIR: directory } });
  const first = await connect(url);
  const { sessionId } = await first.initialize();
  const script = `read go; seq 1 100000000 | head -c ${printedBytes}; echo done > ${directory}/done`;
  await first.request("process/start", {
    ...{ processId: "p", argv: ["/bin/sh", "-c", `${script}; read end; exit 7`] },
    ...{ cwd: "file:///tmp", env: { PATH: "/usr/bin:/bin" }, tty: false, pipeStdin: true },
  });
  first.notify("initialized");
  const write = { processId: "p", chunk: Buffer.from("\n").toString("base64"), writeId: "1" };
  first.send({ id: 99, method: "process/write", params: write });
  await first.close();
  while (!readdirSync(directory).includes("done")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(!readdirSync(directory).some((name) => name.includes("output")));
  const second = await connect(url);
  await second.initialize({ resumeSessionId: sessionId });
  return second;
}

test("what was printed while nobody was there is read page by page", async (t) => {
  const client = await backAfterFlood(t);
  const hash = createHash("sha256");
  let bytes = 0;
  for (let afterSeq = 0; bytes < printedBytes; ) {
    const read = { processId: "p", afterSeq, maxBytes: 4_000_000, waitMs: 5000 };
    const page = await client.request<"process/read">("process/read", read);
    const { chunks, nextSeq, droppedBytes } = page;
    assert.equal(droppedBytes, 0);
    for (const { chunk } of chunks) {
      const part = Buffer.from(chunk, "base64");
      bytes += part.length;
      hash.update(part);
    }
    afterSeq = nextSeq - 1;
  }
  assert.equal(hash.digest("hex"), printedSha256);
  await client.close();
});

for (const [title, bounds] of [
  ["one read without a bound", {}],
  ["one short read that asks for the rest", { maxBytes: 10_000, pushRest: true }],
] as const) {
  test(`${title} begins, and the rest is sent in order before anything new`, async (t) => {
    const client = await backAfterFlood(t);
    const hash = createHash("sha256");
    const first = await client.request("process/read", { processId: "p", afterSeq: 0, ...bounds });
    for (const { chunk } of first.chunks) hash.update(Buffer.from(chunk, "base64"));
    assert.deepEqual([first.chunks[0]?.seq, first.droppedBytes, first.closed], [1, 0, false]);
    assert.ok(first.chunks.length > 0 && first.nextSeq === (first.chunks.at(-1)?.seq ?? 0) + 1);
    const write = { processId: "p", chunk: Buffer.from("\n").toString("base64"), writeId: "2" };
    await client.request("process/write", write);
    let nextSeq = first.nextSeq;
    for (let bytes = sizeOf(first.chunks); bytes < printedBytes; ) {
      const output: EventParams<"process/output"> = await client.event("process/output");
      assert.equal(output.seq, nextSeq++);
      const part = Buffer.from(output.chunk, "base64");
      bytes += part.length;
      hash.update(part);
    }
    assert.equal(hash.digest("hex"), printedSha256);
    const exited = await client.event("process/exited");
    assert.deepEqual([exited.seq, exited.exitCode], [nextSeq, 7]);
    assert.equal((await client.event("process/closed")).seq, nextSeq + 1);
    await client.close();
  });
}

const sizeOf = (chunks: readonly { readonly chunk: string }[]) =>
  chunks.reduce((sum, { chunk }) => sum + Buffer.byteLength(chunk, "base64"), 0);
