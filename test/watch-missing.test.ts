import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { localFileSystem } from "../src/environment/local/file-system.ts";
import { plainFileSystem } from "../src/environment/local/plain-file-system.ts";
import { type Bench, fileTest, type MakeFileSystem } from "./support/file-workbench.ts";

const local: MakeFileSystem = async ({ emit }) => {
  const files = localFileSystem({ emit });
  return { fileSystem: plainFileSystem(files), close: async () => void (await files.close()) };
};

const watchTest = (title: string, body: (bench: Bench) => Promise<void>) =>
  fileTest(title, local, body);

async function watch(bench: Bench, watchId: number, names: string[], present?: string) {
  const { watching } = await bench.fileSystem.watchMissing({
    watchId,
    missing: names.map((name) => bench.uri(name)),
    present: present === undefined ? null : bench.uri(present),
  });
  return watching;
}

/** Events of one directory come in order, so what did not come before this one never will. */
async function nothingCame(bench: Bench) {
  assert.deepEqual(bench.changed, []);
  assert.equal(await watch(bench, 99, ["the last"]), true);
  bench.file("the last");
  assert.equal(await bench.nextChange(), 99);
  assert.deepEqual(bench.changed, [99]);
}

const appearances: Record<string, { missing: string[]; appear: (bench: Bench) => unknown }> = {
  "the file": { missing: ["f"], appear: (bench) => bench.file("f") },
  "one of several": { missing: ["x", "y", "f"], appear: (bench) => bench.file("y") },
  "a directory on the way": { missing: ["a/b/c"], appear: (bench) => mkdirSync(bench.path("a")) },
  "a dangling link": { missing: ["l"], appear: (bench) => bench.link("l", "nowhere") },
  "what is renamed to it": {
    missing: ["f"],
    appear: (bench) => {
      bench.file("g");
      renameSync(bench.path("g"), bench.path("f"));
    },
  },
  "a name that is not ASCII": { missing: ["ü"], appear: (bench) => bench.file("ü") },
};
for (const [title, { missing, appear }] of Object.entries(appearances)) {
  watchTest(`the appearance of ${title} is told`, async (bench) => {
    assert.equal(await watch(bench, 7, missing), true);
    appear(bench);
    assert.equal(await bench.nextChange(), 7);
  });
}

watchTest("what appears behind more changes than the system keeps is told", async (bench) => {
  const kept = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "utf8"));
  assert.equal(await watch(bench, 7, ["f"]), true);
  // In this turn nobody hears of any of them.
  for (let changes = 0; changes <= kept; changes += 2) {
    mkdirSync(bench.path("g"));
    rmdirSync(bench.path("g"));
  }
  bench.file("f");
  assert.equal(await bench.nextChange(), 7);
});

watchTest("the end of the directory that is watched is told", async (bench) => {
  bench.folder("d/e");
  assert.equal(await watch(bench, 7, ["d/e/f"]), true);
  rmSync(bench.path("d"), { recursive: true });
  assert.equal(await bench.nextChange(), 7);
});

watchTest("a directory in a file's place is told", async (bench) => {
  bench.file("f");
  assert.equal(await watch(bench, 7, ["f/g"]), true);
  rmSync(bench.path("f"));
  bench.file("f/g");
  assert.equal(await bench.nextChange(), 7);
});

watchTest("it is told once, and other files are not told", async (bench) => {
  bench.folder("d");
  assert.equal(await watch(bench, 7, ["f", "g"]), true);
  bench.file("other");
  bench.file("d/f");
  bench.file("f");
  assert.equal(await bench.nextChange(), 7);
  bench.file("g");
  assert.equal(await watch(bench, 8, ["h"]), true);
  bench.file("h");
  assert.equal(await bench.nextChange(), 8);
  assert.deepEqual(bench.changed, [7, 8]);
});

watchTest("a new watch replaces the one before, whose file then says nothing", async (bench) => {
  assert.equal(await watch(bench, 1, ["f"]), true);
  assert.equal(await watch(bench, 2, ["g"]), true);
  bench.file("f");
  await nothingCame(bench);
});

watchTest("nothing is watched when there is nothing to watch", async (bench) => {
  bench.file("there");
  bench.link("dangling", "nowhere");
  bench.folder("d");
  bench.link("way", "d");
  for (const missing of [[], ["there"], ["f", "there"], ["dangling"], ["way/f"], ["way/e/f"]]) {
    assert.equal(await watch(bench, 1, missing), false);
  }
  bench.link("link", "there");
  for (const present of ["gone", "link"]) {
    assert.equal(await watch(bench, 1, ["f"], present), false);
  }
  bench.file("f");
  await nothingCame(bench);
});

const changes: Record<string, { present: string; change: (bench: Bench) => unknown }> = {
  "new content": { present: "d/e/f", change: (bench) => appendFileSync(bench.path("d/e/f"), "x") },
  "a new mode": { present: "d/e/f", change: (bench) => chmodSync(bench.path("d/e/f"), 0o600) },
  "its end": { present: "d/e/f", change: (bench) => rmSync(bench.path("d/e/f")) },
  "its replacement": {
    present: "d/e/f",
    change: (bench) => renameSync(bench.path("other"), bench.path("d/e/f")),
  },
  "the end of a directory": {
    present: "d/e",
    change: (bench) => rmSync(bench.path("d"), { recursive: true }),
  },
  "the renaming of a directory above it": {
    present: "d/e/f",
    change: (bench) => renameSync(bench.path("d"), bench.path("elsewhere")),
  },
};
for (const [title, { present, change }] of Object.entries(changes)) {
  watchTest(`of what is present besides, ${title} is told`, async (bench) => {
    bench.file("d/e/f");
    bench.file("other");
    assert.equal(await watch(bench, 7, ["absent"], present), true);
    change(bench);
    assert.equal(await bench.nextChange(), 7);
  });
}

watchTest("what comes and goes in a directory present besides is not told", async (bench) => {
  bench.file("d/e");
  assert.equal(await watch(bench, 1, ["f"], "d"), true);
  bench.file("d/new");
  rmSync(bench.path("d/e"));
  await nothingCame(bench);
});

watchTest("something present besides does not hinder the watch", async (bench) => {
  bench.file("there");
  assert.equal(await watch(bench, 1, ["f"], "there"), true);
  bench.file("f");
  assert.equal(await bench.nextChange(), 1);
});

watchTest("of two watches asked for at once the second holds", async (bench) => {
  const both = [watch(bench, 1, ["f"]), watch(bench, 2, ["f"])];
  assert.deepEqual(await Promise.all(both), [false, true]);
  bench.file("f");
  assert.equal(await bench.nextChange(), 2);
  assert.deepEqual(bench.changed, [2]);
});

watchTest("what appears while the watch is set is told or the watch refused", async (bench) => {
  for (let round = 0; round < 50; round++) {
    const asked = watch(bench, round, [`${round}/a/b`]);
    for (let turn = 0; turn < round % 10; turn++) await new Promise(setImmediate);
    bench.file(`${round}/a/b`);
    if (await asked) assert.equal(await bench.nextChange(), round);
  }
});
