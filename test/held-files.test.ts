import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { localFileSystem } from "../src/environment/local/file-system.ts";
import { workshop } from "./support/helper-workshop.ts";
import { descendantsOf } from "./support/process-table.ts";
import { fails } from "./support/process-workbench.ts";

const chunk = Buffer.from("text").toString("base64");

/** The files of a connection that may have so many open, in workers whose pids are noted. */
function connection(t: TestContext, fileHandlesMax: number) {
  const { sandbox, policy, at, file } = workshop(t, {
    script: 'echo $$ > $0.pid; exec $REAL "$@"',
  });
  const confined = sandbox.files();
  const files = localFileSystem({ emit: () => true, confined, fileHandlesMax });
  t.after(() => files.close());
  writeFileSync(at("ws/f"), "");
  const open = (handleId: string, isConfined = true) =>
    files.open({
      ...{ handleId, path: file("f"), mode: "resume" },
      sandbox: isConfined ? policy : null,
    });
  const killWorker = () => {
    const bwrap = Number(readFileSync(at("bin/bwrap.pid")));
    // After the end of bwrap alone the worker could still answer.
    const [worker = bwrap] = descendantsOf(bwrap);
    process.kill(worker, "SIGKILL");
  };
  const write = (handleId: string) => files.writeBlock({ handleId, offset: 0, chunk });
  return { open, write, killWorker };
}

test("files count together, whether workers have them open or not", async (t) => {
  const { open } = connection(t, 2);
  await open("direct", false);
  await open("confined");
  for (const isConfined of [true, false]) {
    await fails(open("more", isConfined), -32600, /^at most 2 file handles may be open/);
  }
});

test("a worker keeps as many files open as the operator wants", async (t) => {
  const { open, write } = connection(t, 130);
  for (let count = 1; count <= 130; count++) await open(`${count}`);
  await write("130");
  await fails(open("131"), -32600, /^at most 130 file handles may be open/);
});

test("files that are lost with their worker neither count nor keep their ids", async (t) => {
  const { open, write, killWorker } = connection(t, 2);
  await open("asked");
  await open("unasked");
  killWorker();
  await fails(Promise.resolve(write("asked")), -32603, /^fs sandbox helper failed/);
  await open("unasked");
  await open("asked");
  for (const handleId of ["asked", "unasked"]) assert.deepEqual(await write(handleId), {});
});
