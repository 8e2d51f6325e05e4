import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { SpillStore } from "../src/environment/local/output/spill-store.ts";
import { localProcesses } from "../src/environment/local/processes.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import { workbenchTest } from "./support/process-workbench.ts";

/** As many calls of files go on at once. */
const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
const mebibyte = 1024 * 1024;

/** Keeps every thread busy, so that all disks seem to hang until it is told to go on. */
function hang(directory: string): () => Promise<void> {
  const path = join(directory, "fifo");
  execFileSync("mkfifo", [path]);
  const readers = Array.from({ length: threads }, () => open(path, "r"));
  return async () => {
    execFileSync("/bin/sh", ["-c", ': >"$0"', path]);
    for (const reader of await Promise.all(readers)) await reader.close();
  };
}

const spill = new SpillStore({ queueBytesMax: mebibyte });

workbenchTest(
  "a process is paused while the disk that keeps its output hangs, and nothing is lost",
  async (emit) => {
    const spawner = await createSpawner();
    const processes = localProcesses({ spawner, executorEnv: {}, emit, spill });
    return { processes, close: () => spawner.close() };
  },
  async ({ directory, recorder, start, write }) => {
    const bytesMax = 40 * mebibyte;
    const whenTold = { tty: false, pipeStdin: true };
    await start("flood", `read go; exec head -c ${bytesMax} /dev/zero`, whenTold);
    await start("other", "read go; sleep 0.3", whenTold);
    const goOn = hang(directory);
    try {
      await write("flood", "\n");
      await recorder.until(() => recorder.bytes("flood").length > mebibyte);
      await write("other", "\n");
      await recorder.untilClosed("other");
      // In memory, on the way to the disk, and what was read before it was known to hang.
      assert.ok(recorder.bytes("flood").length < 4 * mebibyte);
      assert.ok(recorder.bytes("flood").length < bytesMax / 2);
    } finally {
      await goOn();
    }
    await recorder.untilClosed("flood");
    assert.equal(recorder.bytes("flood").length, bytesMax);
  },
);
