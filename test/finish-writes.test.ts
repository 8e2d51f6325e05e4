import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { WriteEntry } from "../src/environment/local/journal/entry.ts";
import { finishWritesFirst } from "../src/environment/local/journal/finish.ts";
import { ownFolderName } from "../src/environment/local/journal/owner.ts";
import { journalsPath } from "../src/environment/local/journal/place.ts";
import { JournalSlip } from "../src/environment/local/journal/slip.ts";
import { hostPathOf } from "../src/protocol/path-uri.ts";

/** The number of a process that has ended. */
const dead = spawnSync("/bin/true").pid;
/** Content that a record is made of in more than one step. */
const wanted = Buffer.alloc(10_000, "n");

interface Ground {
  readonly folder: string;
  readonly journals: string;
  readonly path: (name: string) => string;
}

function makeGround(t: TestContext): Ground {
  const folder = mkdtempSync(join(tmpdir(), "finish-writes-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(journalsPath(folder), { recursive: true, mode: 0o700 });
  const path = (name: string) => join(folder, name);
  return { folder, journals: journalsPath(folder), path };
}

/** Records a write as a server does whose process has ended since. */
async function leave(ground: Ground, entry: WriteEntry, name = leftName()): Promise<JournalSlip> {
  const folder = join(ground.journals, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const slip = new JournalSlip(join(folder, `${readdirSync(folder).length}`));
  await slip.record(entry, wanted);
  return slip;
}

const leftName = () => ownFolderName().replace(`_${process.pid}_`, `_${dead}_`);

function entryOf(path: string, oldSize = statSync(path).size): WriteEntry {
  const { dev, ino } = statSync(path, { bigint: true });
  return { path: hostPathOf(path), device: `${dev}`, inode: `${ino}`, oldSize };
}

/** A file that is to be made in a folder. */
function newEntry(folder: string, name: string): WriteEntry {
  const { oldSize: _, ...entry } = entryOf(folder);
  return { ...entry, path: hostPathOf(join(folder, name)) };
}

const torn = Buffer.concat([wanted.subarray(0, 4096), Buffer.alloc(8000, "o")]);

/** What has been changed so far was changed by those who were killed. */
const finish = ({ journals }: Ground) => finishWritesFirst(journals, Date.now() + 10);

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
    mkdirSync(folder);
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

  leavesAlone("to a file that was changed after we began", async (ground) => {
    await leave(ground, entryOf(ground.path("f")));
    const later = Date.now() / 1000 + 5;
    utimesSync(ground.path("f"), later, later);
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
    for (const path of [name, `${name}/0`]) utimesSync(join(ground.journals, path), old, old);
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
