import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Runs a program with a log of its own under a limit of the shell's `ulimit`. */
function runLimited(limit: string, program: string) {
  const whole = `
    import { closeSync, openSync, readdirSync, statSync } from "node:fs";
    import { OutputLog } from "./src/environment/local/output/output-log.ts";
    import { SpillStore } from "./src/environment/local/output/spill-store.ts";
    import { numberedBytes, readWhole } from "./test/support/retained-output.ts";
    const warnings = [];
    const spill = new SpillStore({ blockBytes: 8192, warn: (text) => warnings.push(text) });
    const log = new OutputLog({ bounds: { chunkBytesMax: 1000, bytesMax: 10000 }, spill });
    const all = numberedBytes(1_000_000);
    async function append(from, to) {
      for (let start = from; start < to; start += 1000) {
        log.append("stdout", all.subarray(start, start + 1000));
        await new Promise(setImmediate);
      }
    }
    async function tell() {
      // Writes that are under way may still fail, and drop what they were to keep.
      let whole, before;
      do {
        before = whole?.droppedBytes;
        whole = await readWhole((page) => log.read(page));
      } while (whole.droppedBytes !== before);
      const { bytes, droppedBytes } = whole;
      const isTail = bytes.equals(all.subarray(droppedBytes));
      console.log(JSON.stringify({ retained: bytes.length, droppedBytes, isTail, warnings }));
      await log.dispose();
    }
    ${program}`;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", whole];
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const limited = `ulimit ${limit}; exec "$0" "$@"`;
  const run = spawnSync("/bin/sh", ["-c", limited, ...node], { cwd, encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

test("a disk that is full keeps what it has room for, with one warning", () => {
  const program = `
    await append(0, all.length);
    await tell();`;
  // The shell counts in blocks of 512 or 1024 bytes.
  const { retained, droppedBytes, isTail, warnings } = runLimited("-f 200", program);
  assert.equal(retained + droppedBytes, 1_000_000);
  assert.ok(isTail);
  assert.ok(retained > 80_000 && retained < 300_000, `${retained} bytes were kept`);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /EFBIG/);
});

test("a want of descriptors that passes costs what was printed meanwhile, and no more", () => {
  const program = `
    // tsx connects to its starter, or looks through a folder, and then gives descriptors back.
    const kindOf = (fd) => statSync("/proc/self/fd/" + fd, { throwIfNoEntry: false });
    const isPassing = (kind) => kind?.isDirectory() || kind?.isSocket();
    const others = () => readdirSync("/proc/self/fd").filter((fd) => fd > 2).map(kindOf);
    while (others().some(isPassing)) await new Promise(setImmediate);
    const fds = [];
    try {
      for (;;) fds.push(openSync("/dev/null"));
    } catch {}
    await append(0, 500_000);
    for (const fd of fds) closeSync(fd);
    await append(500_000, all.length);
    await tell();`;
  const { retained, droppedBytes, isTail, warnings } = runLimited("-n 100", program);
  assert.equal(retained + droppedBytes, 1_000_000);
  assert.ok(isTail);
  assert.ok(retained > 400_000, `${retained} bytes were kept`);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /EMFILE/);
});
