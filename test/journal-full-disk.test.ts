import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { lockMark } from "../src/environment/local/journal/folder.ts";
import { ServerJournal } from "../src/environment/local/journal/journal.ts";
import { sealName } from "../src/environment/local/journal/seal.ts";
import { hindrance } from "./support/hindrance.ts";
import { entryOf, finish, leave, makeGround, newEntry, wanted } from "./support/left-writes.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const skip = hindrance(["prlimit", "--core=0"]);

/** From now on no file takes more, as on a disk that has just become full. */
function haveRoomFor(bytes: number | "unlimited"): void {
  execFileSync("prlimit", [`--pid=${process.pid}`, `--fsize=${bytes}:`]);
}

async function whileFull<T>(bytes: number, work: () => Promise<T>): Promise<T> {
  haveRoomFor(bytes);
  try {
    return await work();
  } finally {
    haveRoomFor("unlimited");
  }
}

function journalIn(t: TestContext) {
  const place = temporaryFolder(t, "journal");
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const journal = new ServerJournal({ place, begun: () => {}, isExposed: () => false, warn });
  t.after(() => journal.close());
  const slips = () =>
    readdirSync(journal.folder).filter((name) => name !== lockMark && name !== sealName);
  const write = (content: Buffer) =>
    journal.during(newEntry(place, "f"), content, async () => slips().length);
  return { journal, warnings, slips, write };
}

test("what has no room in the journal is written without, and what has room is kept", {
  skip,
}, async (t) => {
  const { warnings, write } = journalIn(t);
  assert.equal(await write(wanted), 1);
  assert.equal(await whileFull(4096, () => write(wanted)), 0);
  assert.equal(await whileFull(4096, () => write(Buffer.from("little"))), 1);
  assert.equal(warnings.length, 1);
  assert.match(`${warnings}`, /without a journal.*EFBIG/);
});

test("a journal that could not be begun on a full disk is begun when there is room", {
  skip,
}, async (t) => {
  const { journal, write } = journalIn(t);
  await whileFull(0, () => journal.during(newEntry("/", "f"), wanted, async () => {}));
  assert.equal(await write(wanted), 1);
});

test("a file keeps its old content where a write that is finished has no room", {
  skip,
}, async (t) => {
  const ground = makeGround(t);
  writeFileSync(ground.path("f"), "old");
  await leave(ground, entryOf(ground.path("f")));
  const { finished, failures } = await whileFull(8192, () => finish(ground));
  assert.deepEqual(finished, []);
  assert.match(`${failures}`, /^\S*\/f: EFBIG: [^:]*$/);
  assert.equal(readFileSync(ground.path("f"), "utf8"), "old");
  assert.deepEqual(readdirSync(ground.journals), []);
});

test("a journal in which nothing can be finished is told of, and not tried for ever", async (t) => {
  const ground = makeGround(t);
  await leave(ground, newEntry(ground.folder, "f"));
  const [name = ""] = readdirSync(ground.journals);
  mkdirSync(join(ground.journals, name, "lent-1.grants"));
  const { failures } = await finish(ground);
  assert.match(`${failures}`, /EISDIR|EPERM/);
  assert.deepEqual(readdirSync(ground.journals), []);
});
