import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import type { Params } from "../../src/protocol/methods.ts";
import { type Bench, fileTest, type MakeFileSystem } from "./file-workbench.ts";
import { fails } from "./process-workbench.ts";

type WalkOptions = Params<"fs/walk">["options"];

export function treeContract(make: MakeFileSystem): void {
  creating(make);
  listing(make);
  walking(make);
  removing(make);
}

function creating(make: MakeFileSystem): void {
  fileTest("directories are made with those above them", make, async (bench) => {
    const path = bench.uri("a/b/c");
    await bench.fileSystem.createDirectory({ path });
    await bench.fileSystem.createDirectory({ path, recursive: null });
    await bench.fileSystem.createDirectory({ path: bench.link("l", "a/b") });
    assert.deepEqual(bench.list("a/b"), ["c"]);
  });

  fileTest("a directory is not made in something's place", make, async (bench) => {
    const make = (path: string, recursive = true) =>
      bench.fileSystem.createDirectory({ path, recursive });
    const exists = "File exists (os error 17)";
    await fails(make(bench.folder("d"), false), -32603, exists);
    await fails(make(bench.file("f")), -32603, exists);
    await fails(make(bench.link("l", "nowhere")), -32603, exists);
    await fails(make(bench.uri("f/d")), -32603, "Not a directory (os error 20)");
    await fails(make(bench.uri("x/y"), false), -32004, /No such file/);
    assert.deepEqual(bench.list(), ["d", "f", "l"]);
  });
}

function listing(make: MakeFileSystem): void {
  fileTest("a listing is sorted and keeps links that lead nowhere", make, async (bench) => {
    bench.file("m");
    bench.folder("k");
    bench.link("z", "nowhere");
    bench.link("a", "m");
    bench.link("b", "k");
    bench.link("loop", "loop");
    const { entries } = await bench.fileSystem.readDirectory({ path: bench.uri() });
    const kinds = entries.map(({ fileName, isFile, isDirectory, isSymlink }) => [
      fileName,
      isFile ? "file" : isDirectory ? "directory" : "neither",
      isSymlink,
    ]);
    assert.deepEqual(kinds, [
      ["a", "file", true],
      ["b", "directory", true],
      ["k", "directory", false],
      ["loop", "neither", true],
      ["m", "file", false],
      ["z", "neither", true],
    ]);
  });

  fileTest("only directories can be listed", make, async (bench) => {
    const list = (path: string) => bench.fileSystem.readDirectory({ path });
    assert.deepEqual(await list(bench.uri()), { entries: [] });
    await fails(list(bench.uri("no")), -32004, /No such file/);
    await fails(list(bench.file("f")), -32603, /Not a directory/);
  });
}

const limits: WalkOptions = {
  maxDepth: 8,
  maxDirectories: 100,
  maxEntries: 1000,
  followDirectorySymlinks: false,
  pruneHiddenDirectories: false,
};

async function walked(bench: Bench, more: Partial<WalkOptions> = {}) {
  const options = { ...limits, ...more };
  const answer = await bench.fileSystem.walk({ path: bench.uri(), options });
  const names = answer.entries.map(
    ({ path, kind }) => path.slice(bench.uri().length + 1) + (kind === "directory" ? "/" : ""),
  );
  return { ...answer, names };
}

function grow(bench: Bench): void {
  for (const name of ["b/two", "b/deep/er/x", "a", ".h/inside"]) bench.file(name);
  bench.link("lf", "a");
  bench.link("ld", "b");
  bench.fifo("fifo");
}

const grown = [".h/", "a", "b/", ".h/inside", "b/deep/", "b/two", "b/deep/er/", "b/deep/er/x"];
const walks: Record<string, { more: Partial<WalkOptions>; names: string[]; truncated?: true }> = {
  "breadth first, sorted, without links": { more: {}, names: grown },
  "to a depth": { more: { maxDepth: 0 }, names: grown.slice(0, 3) },
  "past hidden directories": {
    more: { pruneHiddenDirectories: true },
    names: grown.filter((name) => name !== ".h/inside"),
  },
  "up to a number of entries": {
    more: { maxEntries: 4 },
    names: grown.slice(0, 4),
    truncated: true,
  },
  "up to the last entry but one": {
    more: { maxEntries: grown.length - 1 },
    names: grown.slice(0, -1),
    truncated: true,
  },
  "to exactly the number of entries there are": {
    more: { maxEntries: grown.length },
    names: grown,
  },
  "through a number of directories": {
    more: { maxDirectories: 2 },
    names: grown.slice(0, 4),
    truncated: true,
  },
  "through the last directory but one": {
    more: { maxDirectories: 4 },
    names: grown.slice(0, -1),
    truncated: true,
  },
  "through exactly the number of directories there are": {
    more: { maxDirectories: 5 },
    names: grown,
  },
};

function walking(make: MakeFileSystem): void {
  for (const [title, { more, names, truncated = false }] of Object.entries(walks)) {
    fileTest(`a tree is walked ${title}`, make, async (bench) => {
      grow(bench);
      const answer = await walked(bench, more);
      assert.deepEqual(answer.names, names);
      assert.deepEqual([answer.errors, answer.truncated], [[], truncated]);
    });
  }

  fileTest("links are followed to each directory once", make, async (bench) => {
    bench.file("d/f");
    bench.link("l", "d");
    bench.link("d/up", "..");
    const { names } = await walked(bench, { followDirectorySymlinks: true });
    assert.deepEqual(names, ["d/", "l/", "d/f", "d/up/"]);
  });

  fileTest("what is no directory has nothing to walk", make, async (bench) => {
    bench.file("d/f");
    const walk = (path: string) => bench.fileSystem.walk({ path, options: limits });
    const nothing = { entries: [], errors: [], truncated: false };
    assert.deepEqual(await walk(bench.uri("d/f")), nothing);
    assert.deepEqual(await walk(bench.link("l", "d")), nothing);
    await fails(walk(bench.uri("no")), -32004, /No such file/);
    await fails(walk(bench.link("dangling", "no")), -32004, /No such file/);
    await fails(walk(bench.link("round", "round")), -32603, /Symbolic link loop/);
  });

  fileTest("links to a directory met before do not count as directories", make, async (bench) => {
    bench.file("one/f");
    bench.file("two/g");
    for (const name of ["also", "again", "more"]) bench.link(name, "one");
    const names = ["again/", "also/", "more/", "one/", "two/", "again/f", "two/g"];
    for (const maxDirectories of [3, 4]) {
      const answer = await walked(bench, { followDirectorySymlinks: true, maxDirectories });
      assert.deepEqual([answer.names, answer.truncated], [names, false]);
    }
    const answer = await walked(bench, { followDirectorySymlinks: true, maxDirectories: 2 });
    assert.deepEqual([answer.names, answer.truncated], [names.slice(0, -1), true]);
  });

  fileTest("a walk without bounds is refused", make, async (bench) => {
    const walk = (more: Partial<WalkOptions>) =>
      bench.fileSystem.walk({ path: bench.uri(), options: { ...limits, ...more } });
    const beyond =
      "filesystem walk limits exceed maximums: depth=64, directories=10000, entries=50000";
    for (const more of [{ maxDepth: 65 }, { maxDirectories: 10_001 }, { maxEntries: 50_001 }]) {
      await fails(walk(more), -32600, beyond);
    }
    const none = "filesystem walk limits must be greater than zero";
    for (const more of [{ maxDirectories: 0 }, { maxEntries: 0 }]) {
      await fails(walk(more), -32600, none);
    }
  });

  const deep = Array.from({ length: 15 }, () => "n".repeat(200)).join("/");
  for (const [from, below] of Object.entries({ "far above": "", "right above": deep })) {
    fileTest(`the answer of a walk has at most 4 MiB, from ${from}`, make, async (bench) => {
      for (let file = 0; file < 1500; file++) bench.file(`${deep}/${file}`);
      const options = { ...limits, maxDepth: 64, maxEntries: 50_000 };
      const answer = await bench.fileSystem.walk({ path: bench.uri(below), options });
      assert.equal(answer.truncated, true);
      assert.ok(answer.entries.length > 1000, `${answer.entries.length}`);
      const { length } = JSON.stringify(answer.entries);
      assert.ok(length <= 4 * 1024 * 1024, `${length}`);
    });
  }
}

function removing(make: MakeFileSystem): void {
  fileTest("a tree is removed, what its links lead to is not", make, async (bench) => {
    bench.file("outside/f");
    bench.file("d/e/f");
    bench.link("d/e/out", "../../outside");
    bench.link("d/dangling", "nowhere");
    bench.fifo("d/fifo");
    await bench.fileSystem.remove({ path: bench.uri("d/") });
    assert.deepEqual([bench.list(), bench.list("outside")], [["outside"], ["f"]]);
    await bench.fileSystem.remove({ path: `${bench.link("l", "outside")}/` });
    assert.deepEqual([bench.list(), bench.list("outside")], [["outside"], ["f"]]);
  });

  fileTest("what is missing is removed unless told otherwise", make, async (bench) => {
    for (const path of [bench.uri("no"), bench.uri("no/where")]) {
      assert.deepEqual(await bench.fileSystem.remove({ path }), {});
      await fails(bench.fileSystem.remove({ path, force: false }), -32004, /No such file/);
    }
  });

  fileTest("only an empty directory is removed when not recursive", make, async (bench) => {
    bench.file("d/f");
    const remove = (path: string) => bench.fileSystem.remove({ path, recursive: false });
    await remove(bench.folder("empty"));
    await fails(remove(bench.uri("d")), -32603, "Directory not empty (os error 39)");
    assert.deepEqual(bench.list(), ["d"]);
  });

  fileTest("two removals of one tree both succeed", make, async (bench) => {
    for (let file = 0; file < 200; file++) bench.file(`d/${file % 10}/${file}`);
    const path = bench.uri("d");
    await Promise.all([bench.fileSystem.remove({ path }), bench.fileSystem.remove({ path })]);
    rmSync(bench.path("d"), { recursive: true, force: true });
    assert.deepEqual(bench.list(), []);
  });
}
