import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { OutputLog } from "../src/environment/local/output/output-log.ts";

import { SpillStore } from "../src/environment/local/output/spill-store.ts";
import { spillRetryBytes } from "../src/limits.ts";
import { hasOwnMounts, mountHindrance, testInOwnMounts } from "./support/own-mounts.ts";
import { numberedBytes, readWhole } from "./support/retained-output.ts";

const skip = hasOwnMounts ? false : mountHindrance();
const KiB = 1024;

test("in a mount namespace of their own", { skip: skip || hasOwnMounts }, () =>
  testInOwnMounts(import.meta.url),
);

/** A disk of its own with room for `size`. */
function smallDisk(t: TestContext, size: string): string {
  const disk = mkdtempSync("/var/tmp/spill-");
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", disk]);
  t.after(() => {
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });
  return disk;
}

test("a full disk keeps the newest output that it has room for, whatever the pieces", {
  skip: skip || !hasOwnMounts,
}, async (t) => {
  const directory = smallDisk(t, "1m");
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  const sizes = { blockBytes: 64 * KiB, queueBytesMax: 128 * KiB };
  const store = new SpillStore({ directory, warn, ...sizes });
  const log = new OutputLog({
    bounds: { chunkBytesMax: 20 * KiB, bytesMax: 32 * KiB },
    spill: store,
  });
  const all = numberedBytes(6 * KiB * KiB);
  for (let start = 0, step = 1; start < all.length; step++) {
    const end = start + ((step * 997) % (20 * KiB)) + 1;
    log.append("stdout", all.subarray(start, end));
    start = end;
    while (log.isBehind) await new Promise(setImmediate);
  }
  let whole = await readWhole((page) => log.read(page));
  for (let before = -1; before !== whole.droppedBytes; ) {
    before = whole.droppedBytes;
    whole = await readWhole((page) => log.read(page));
  }
  await log.dispose();
  assert.ok(whole.bytes.equals(all.subarray(whole.droppedBytes)), "not the newest bytes");
  assert.ok(whole.bytes.length > 500 * KiB, `${whole.bytes.length} bytes were kept`);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /ENOSPC/);
});

for (const [room, roomBytes] of [
  ["no room at all", 0],
  ["little room", 200 * KiB],
] as const) {
  test(`a disk that had ${room} for a while keeps what is printed after that`, {
    skip: skip || !hasOwnMounts,
  }, async (t) => {
    const directory = smallDisk(t, "8m");
    const filler = join(directory, "filler");
    const { bavail, bsize } = statfsSync(directory);
    writeFileSync(filler, Buffer.alloc(bavail * bsize - roomBytes));
    const store = new SpillStore({ directory, blockBytes: 64 * KiB, queueBytesMax: 128 * KiB });
    const log = new OutputLog({
      bounds: { chunkBytesMax: 20 * KiB, bytesMax: 32 * KiB },
      spill: store,
    });
    const whileFullBytes = KiB * KiB;
    const keptBytes = 2 * KiB * KiB;
    const all = numberedBytes(whileFullBytes + spillRetryBytes + keptBytes);
    for (let start = 0; start < all.length; start += 16 * KiB) {
      if (start === whileFullBytes) rmSync(filler);
      log.append("stdout", all.subarray(start, start + 16 * KiB));
      while (log.isBehind) await new Promise(setImmediate);
    }
    const whole = await readWhole((page) => log.read(page));
    await log.dispose();
    assert.ok(whole.bytes.equals(all.subarray(whole.droppedBytes)), "not the newest bytes");
    assert.ok(whole.bytes.length >= keptBytes, `${whole.bytes.length} bytes were kept`);
  });
}

test("processes that came to a full disk leave its room to those that come later", {
  skip: skip || !hasOwnMounts,
}, async (t) => {
  const directory = smallDisk(t, "256k");
  const sizes = { blockBytes: 64 * KiB, queueBytesMax: 128 * KiB, totalBytesMax: 256 * KiB };
  const store = new SpillStore({ directory, ...sizes });
  const bounds = { chunkBytesMax: 20 * KiB, bytesMax: 32 * KiB };
  const all = numberedBytes(512 * KiB);
  const retained = async () => {
    const log = new OutputLog({ bounds, spill: store });
    for (let start = 0; start < all.length; start += 16 * KiB) {
      log.append("stdout", all.subarray(start, start + 16 * KiB));
      while (log.isBehind) await new Promise(setImmediate);
    }
    const { bytes } = await readWhole((page) => log.read(page));
    await log.dispose();
    return bytes.length;
  };
  const other = join(directory, "other");
  writeFileSync(other, Buffer.alloc(256 * KiB));
  for (let count = 0; count < 4; count++) assert.ok((await retained()) < 128 * KiB);
  rmSync(other);
  assert.ok((await retained()) > 160 * KiB);
});
