import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setImmediate, setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { localFileSystem } from "../src/environment/local/file-system.ts";
import type { ThreadWork } from "../src/environment/local/threads/file-thread.ts";
import {
  FileThreads,
  type FileThreadsOptions,
  type HandOver,
} from "../src/environment/local/threads/file-threads.ts";
import { smallCopyBytesMax } from "../src/limits.ts";
import { hostPathOf } from "../src/protocol/path-uri.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const waitMs = 30_000;
/** On a machine with one core there are none. */
const skip = availableParallelism() === 1;

function makeHands(t: TestContext, options: FileThreadsOptions = {}): FileThreads {
  const threads = new FileThreads(options);
  t.after(() => threads.close());
  return threads;
}

const nothing = { task: "removeFlatDirectories", directory: hostPathOf("/"), names: [] } as const;

/** Gives work to a thread as soon as one has started. */
async function handOver(toHand: HandOver, work: ThreadWork) {
  const lateMs = performance.now() + waitMs;
  while (performance.now() < lateMs) {
    const handled = toHand(work);
    if (handled) return within(waitMs, "what a thread has done", handled);
    await setTimeout(1);
  }
  return assert.fail("no thread has started");
}

const started = async (threads: FileThreads) => void (await handOver(threads.forTree(), nothing));

function fill(directory: string, names: readonly string[]): void {
  mkdirSync(directory, { recursive: true });
  for (const name of names) writeFileSync(join(directory, name), `content of ${name}`);
}

const numbered = (count: number) => Array.from({ length: count }, (_, at) => `file ${at} ü`);

/** As the wire and the sources name it: one char per byte. */
const latin1 = (name: string) => Buffer.from(name).toString("latin1");

describe("another thread", { skip }, () => {
  test("copies the small files of a directory and leaves what is none", async (t) => {
    const directory = temporaryFolder(t, "threads");
    const from = join(directory, "from");
    fill(from, ["a", "ö", "z"]);
    writeFileSync(join(from, "large"), Buffer.alloc(smallCopyBytesMax));
    execFileSync("mkfifo", [join(from, "pipe")]);
    mkdirSync(join(directory, "to"));
    const handled = await handOver(makeHands(t).forTree(), {
      task: "copySmallFiles",
      directory: hostPathOf(from),
      destination: hostPathOf(join(directory, "to")),
      names: ["a", "large", latin1("ö"), "pipe", "z"],
    });
    assert.deepEqual(handled, { count: 5, left: [1, 3] });
    assert.deepEqual(readdirSync(join(directory, "to")).sort(), ["a", "z", "ö"]);
    assert.equal(readFileSync(join(directory, "to/ö"), "utf8"), "content of ö");
  });

  test("begins nothing behind what failed", async (t) => {
    const directory = temporaryFolder(t, "threads");
    fill(join(directory, "from"), ["a", "b", "c"]);
    // Where a directory is, no file can be made.
    mkdirSync(join(directory, "to/b"), { recursive: true });
    const handled = await handOver(makeHands(t).forTree(), {
      task: "copySmallFiles",
      directory: hostPathOf(join(directory, "from")),
      destination: hostPathOf(join(directory, "to")),
      names: ["a", "b", "c"],
    });
    assert.deepEqual(handled, { count: 1, left: [] });
    assert.deepEqual(readdirSync(join(directory, "to")).sort(), ["a", "b"]);
  });

  test("removes directories in which there are only files", async (t) => {
    const directory = temporaryFolder(t, "threads");
    fill(join(directory, "flat"), numbered(20));
    symlinkSync("..", join(directory, "flat/link"));
    fill(join(directory, "deep/deeper"), ["kept"]);
    fill(join(directory, "deep"), ["removed"]);
    fill(join(directory, "empty"), []);
    const handled = await handOver(makeHands(t).forTree(), {
      task: "removeFlatDirectories",
      directory: hostPathOf(directory),
      names: ["flat", "deep", "empty"],
    });
    assert.deepEqual(handled, { count: 3, left: [1] });
    assert.deepEqual(readdirSync(directory), ["deep"]);
    assert.deepEqual(readdirSync(join(directory, "deep")), ["deeper"]);
  });

  test("follows no link that has taken the place of a directory", async (t) => {
    const directory = temporaryFolder(t, "threads");
    fill(join(directory, "elsewhere"), ["kept"]);
    symlinkSync("elsewhere", join(directory, "link"));
    const handled = await handOver(makeHands(t).forTree(), {
      task: "removeFlatDirectories",
      directory: hostPathOf(directory),
      names: ["link"],
    });
    assert.deepEqual(handled, { count: 0, left: [] });
    assert.ok(existsSync(join(directory, "elsewhere/kept")));
  });

  test("gives up its work when it is ended, and takes no more", async (t) => {
    const directory = temporaryFolder(t, "threads");
    fill(directory, ["a"]);
    const threads = makeHands(t);
    const toHand = threads.forTree();
    await handOver(toHand, nothing);
    const work = {
      task: "copySmallFiles",
      directory: hostPathOf(directory),
      destination: hostPathOf(directory),
      names: Array.from({ length: 100_000 }, () => "a"),
    } as const;
    const handling = toHand(work);
    assert.ok(handling);
    await within(waitMs, "the end of the threads", threads.close());
    assert.deepEqual(await within(waitMs, "the work", handling), { count: 0, left: [] });
    assert.equal(toHand(work), undefined);
  });
});

/** No message that means anything: a thread that gets it ends with an error. */
const deadly = null as unknown as ThreadWork;

describe("when another thread has failed", { skip }, () => {
  test("its work is given up, none helps for a while, and that is told once", async (t) => {
    const warnings: string[] = [];
    const threads = makeHands(t, { warn: (text) => warnings.push(text) });
    const toHand = threads.forTree();
    assert.deepEqual(await handOver(toHand, deadly), { count: 0, left: [] });
    assert.equal(toHand(nothing), undefined);
    assert.match(warnings.join("\n"), /^large trees .* one thread for 30 s, .* null\b[^\n]*$/);
  });

  test("others help again after a while", async (t) => {
    const threads = makeHands(t, { restMs: 50 });
    const toHand = threads.forTree();
    for (let times = 0; times < 3; times++) {
      assert.deepEqual(await handOver(toHand, deadly), { count: 0, left: [] });
      assert.deepEqual(await handOver(toHand, nothing), { count: 0, left: [] });
    }
  });
});

describe("trees on which other threads work", { skip }, () => {
  function grow(root: string): void {
    for (let folder = 0; folder < 30; folder++) fill(join(root, `d${folder}`), numbered(40));
    for (let folder = 0; folder < 5; folder++) fill(join(root, `e${folder}/f`), numbered(40));
    writeFileSync(join(root, "d7/large"), Buffer.alloc(smallCopyBytesMax + 1, "large"));
    symlinkSync("nowhere", join(root, "d8/dangling"));
  }

  const listed = (root: string) => readdirSync(root, { recursive: true }).sort();

  async function makeFiles(t: TestContext) {
    const threads = makeHands(t);
    await started(threads);
    const files = localFileSystem({ emit: () => true, threads });
    t.after(() => files.close());
    return files;
  }

  const copyOf = (directory: string) => ({
    sourcePath: `file://${directory}/tree`,
    destinationPath: `file://${directory}/copy`,
    recursive: true,
  });

  test("are copied and removed as a whole", async (t) => {
    const directory = temporaryFolder(t, "threads");
    grow(join(directory, "tree"));
    const files = await makeFiles(t);
    await files.copy(copyOf(directory));
    assert.deepEqual(listed(join(directory, "copy")), listed(join(directory, "tree")));
    const large = readFileSync(join(directory, "copy/d7/large"));
    assert.deepEqual(large, Buffer.alloc(smallCopyBytesMax + 1, "large"));
    await files.remove({ path: `file://${directory}/copy` });
    assert.deepEqual(readdirSync(directory), ["tree"]);
  });

  test("fail with the error that is the cause", async (t) => {
    const directory = temporaryFolder(t, "threads");
    grow(join(directory, "tree"));
    for (let folder = 0; folder < 30; folder++) {
      mkdirSync(join(directory, `copy/d${folder}/file 20 ü`), { recursive: true });
    }
    const files = await makeFiles(t);
    await assert.rejects(async () => files.copy(copyOf(directory)), /EISDIR/);
    const before = listed(join(directory, "copy"));
    await setImmediate();
    assert.deepEqual(listed(join(directory, "copy")), before);
  });
});

test("other threads keep a program alive until their work is done, and no longer", {
  skip,
}, async (t) => {
  const directory = temporaryFolder(t, "threads");
  fill(join(directory, "tree"), numbered(300));
  const threads = new URL("../src/environment/local/threads/file-threads.ts", import.meta.url)
    .pathname;
  const script = `
    import { FileThreads } from ${JSON.stringify(threads)};
    const toHand = new FileThreads().forTree();
    const work = {
      task: "removeFlatDirectories", directory: ${JSON.stringify(directory)}, names: ["tree"],
    };
    const look = setInterval(() => {
      const handled = toHand(work);
      if (!handled) return;
      clearInterval(look);
      handled.then(({ count }) => process.stdout.write(String(count)));
    });`;
  const options = ["--import", "tsx", "--input-type=module", "--eval", script];
  const run = promisify(execFile)(process.execPath, options);
  assert.equal((await within(waitMs, "the end of the program", run)).stdout, "1");
  assert.deepEqual(readdirSync(directory), []);
});
