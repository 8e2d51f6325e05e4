import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ownFolderName } from "../src/environment/local/journal/owner.ts";
import { redo } from "../src/environment/local/journal/redo.ts";
import { JournalSlip } from "../src/environment/local/journal/slip.ts";
import {
  entryOf,
  finish,
  type Ground,
  leave,
  leaveFolder,
  leftName,
  makeGround,
  newEntry,
  torn,
  wanted,
} from "./support/left-writes.ts";

async function finished(ground: Ground): Promise<readonly string[]> {
  const outcome = await finish(ground);
  assert.deepEqual(outcome.failures, []);
  assert.deepEqual(readdirSync(ground.journals), []);
  return outcome.finished;
}

describe("a write that a process was killed at", () => {
  test("is finished once, however often it is looked for", async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), torn);
    await leave(ground, entryOf(ground.path("f")));
    assert.deepEqual(await finished(ground), [ground.path("f")]);
    assert.deepEqual(readFileSync(ground.path("f")), wanted);
    assert.deepEqual(await finished(ground), []);
  });

  test("makes a file longer as well", async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), "old");
    await leave(ground, entryOf(ground.path("f")));
    await finished(ground);
    assert.deepEqual(readFileSync(ground.path("f")), wanted);
  });

  test("fills a new file of which the beginning is there", async (t) => {
    const ground = makeGround(t);
    await leave(ground, newEntry(ground.folder, "f"));
    writeFileSync(ground.path("f"), wanted.subarray(0, 4096));
    assert.deepEqual(await finished(ground), [ground.path("f")]);
    assert.deepEqual(readFileSync(ground.path("f")), wanted);
  });

  test("is finished by one of several who start at once", async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), torn);
    await leave(ground, entryOf(ground.path("f")));
    const outcomes = await Promise.all([1, 2, 3].map(() => finish(ground)));
    assert.deepEqual(
      outcomes.flatMap((outcome) => outcome.finished),
      [ground.path("f")],
    );
  });
});

type Prepare = (ground: Ground) => Promise<unknown>;

/** Leaves alone what lies at "f" in the end, and removes the record. */
function leavesAlone(title: string, prepare: Prepare): void {
  test(title, async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), torn);
    await prepare(ground);
    const before = existsSync(ground.path("f")) && readFileSync(ground.path("f"));
    assert.deepEqual(await finished(ground), []);
    assert.deepEqual(existsSync(ground.path("f")) && readFileSync(ground.path("f")), before);
  });
}

describe("nothing is written", () => {
  leavesAlone("when the record is not whole", async (ground) => {
    (await leave(ground, entryOf(ground.path("f")))).clear();
  });

  leavesAlone("when nothing has been recorded", async (ground) => {
    const folder = join(ground.journals, leftName());
    leaveFolder(folder);
    new JournalSlip(join(folder, "0")).close();
  });

  leavesAlone("to another file of that name", async (ground) => {
    await leave(ground, entryOf(ground.path("f")));
    writeFileSync(ground.path("other"), torn);
    renameSync(ground.path("other"), ground.path("f"));
  });

  leavesAlone("through a link that has taken the file's place", async (ground) => {
    writeFileSync(ground.path("victim"), torn);
    await leave(ground, entryOf(ground.path("f")));
    renameSync(ground.path("f"), ground.path("moved"));
    symlinkSync("victim", ground.path("f"));
  });

  leavesAlone("through a link on the way there", async (ground) => {
    mkdirSync(ground.path("real"));
    mkdirSync(ground.path("way"));
    await leave(ground, newEntry(ground.path("way"), "g"));
    rmSync(ground.path("way"), { recursive: true });
    symlinkSync("real", ground.path("way"));
    writeFileSync(ground.path("real/g"), "");
  });

  test("into a pipe that lies where a new file was to be made", async (t) => {
    const ground = makeGround(t);
    await leave(ground, newEntry(ground.folder, "pipe"));
    execFileSync("mkfifo", [ground.path("pipe")]);
    assert.deepEqual(await finished(ground), []);
  });

  test("to a file that was changed after its writer was gone, whatever its time says", async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), torn);
    const name = leftName();
    await leave(ground, entryOf(ground.path("f")), name);
    const goneMs = Date.now() - 1000;
    // Set back, and changed by that.
    utimesSync(ground.path("f"), goneMs / 1000 - 1, goneMs / 1000 - 1);
    const { signal } = new AbortController();
    const slip = join(ground.journals, name, "0");
    assert.equal(await redo(slip, { goneMs, mayWrite: () => true, signal }), undefined);
    assert.deepEqual(readFileSync(ground.path("f")), torn);
  });

  leavesAlone("to a file that was replaced by one with its old time", async (ground) => {
    await leave(ground, entryOf(ground.path("f")));
    writeFileSync(ground.path("f"), Buffer.concat([wanted, Buffer.alloc(2096, "x")]));
    const before = Date.now() / 1000 - 3600;
    utimesSync(ground.path("f"), before, before);
  });

  leavesAlone("to a file that holds something of the same size meanwhile", async (ground) => {
    const entry = entryOf(ground.path("f"));
    await leave(ground, entry);
    writeFileSync(ground.path("f"), Buffer.alloc(torn.length, "x"));
  });

  leavesAlone("to a file that somebody else has made longer meanwhile", async (ground) => {
    writeFileSync(ground.path("f"), "old");
    await leave(ground, entryOf(ground.path("f")));
    appendFileSync(ground.path("f"), "more");
  });

  leavesAlone("to a file of a size that the write cannot have left", async (ground) => {
    await leave(ground, entryOf(ground.path("f")));
    truncateSync(ground.path("f"), 10);
  });

  leavesAlone("to a new file in which something else is", async (ground) => {
    rmSync(ground.path("f"));
    await leave(ground, newEntry(ground.folder, "f"));
    writeFileSync(ground.path("f"), "somebody's");
  });

  leavesAlone("to a new file that has not been made", async (ground) => {
    rmSync(ground.path("f"));
    await leave(ground, newEntry(ground.folder, "f"));
  });

  leavesAlone("after the whole machine went down", async (ground) => {
    const name = leftName().replace(/^[^_]+/, "another-boot");
    await leave(ground, entryOf(ground.path("f")), name);
  });

  test("for a server that lives", async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), torn);
    const name = ownFolderName();
    await leave(ground, entryOf(ground.path("f")), name);
    assert.deepEqual(await finish(ground), { finished: [], failures: [] });
    assert.deepEqual(readdirSync(ground.journals), [name]);
    assert.deepEqual(readFileSync(ground.path("f")), torn);
  });

  test("for one in another container, until it must have ended", async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), torn);
    const name = leftName().replace(/^([^_]+)_[^_]+/, "$1_elsewhere");
    await leave(ground, entryOf(ground.path("f")), name);
    assert.deepEqual((await finish(ground)).finished, []);
    const old = Date.now() / 1000 - 30;
    for (const path of [name, `${name}/0`, `${name}/seal`])
      utimesSync(join(ground.journals, path), old, old);
    utimesSync(ground.path("f"), old, old);
    assert.deepEqual(await finished(ground), [ground.path("f")]);
  });

  test("where others could have put the record", async (t) => {
    const ground = makeGround(t);
    writeFileSync(ground.path("f"), torn);
    await leave(ground, entryOf(ground.path("f")));
    chmodSync(ground.journals, 0o777);
    assert.deepEqual(await finish(ground), { finished: [], failures: [] });
    assert.deepEqual(readFileSync(ground.path("f")), torn);
  });
});
