import assert from "node:assert/strict";
import { chmodSync, linkSync, readlinkSync, statSync } from "node:fs";
import { type Bench, fileTest, type MakeFileSystem } from "./file-workbench.ts";
import { fails } from "./process-workbench.ts";

const copy = (bench: Bench, from: string, to: string) =>
  bench.fileSystem.copy({
    sourcePath: bench.uri(from),
    destinationPath: bench.uri(to),
    recursive: true,
  });

export function copyContract(make: MakeFileSystem): void {
  copyingFiles(make);
  copyingTrees(make);
  copyingOntoItself(make);
}

function copyingFiles(make: MakeFileSystem): void {
  fileTest("a copied file has content and mode", make, async (bench) => {
    bench.file("small", "x");
    bench.file("large", "0123456789".repeat(300_000));
    chmodSync(bench.path("small"), 0o4751);
    await copy(bench, "small", "a");
    await copy(bench, "large", "b");
    assert.deepEqual([bench.text("a"), bench.mode("a")], ["x", 0o4751]);
    assert.equal(bench.text("b"), bench.text("large"));
  });

  fileTest("a copy overwrites in place, through a link too", make, async (bench) => {
    bench.file("f", "new");
    bench.file("g", "older text");
    bench.link("l", "g");
    const { ino } = statSync(bench.path("g"));
    await copy(bench, "f", "l");
    assert.deepEqual([bench.text("g"), statSync(bench.path("g")).ino], ["new", ino]);
  });

  fileTest("links are copied as links, never over something", make, async (bench) => {
    bench.file("f");
    bench.link("l", "f");
    bench.link("dangling", "/no where");
    await copy(bench, "l", "m");
    await copy(bench, "dangling", "n");
    const targets = ["m", "n"].map((name) => readlinkSync(bench.path(name)));
    assert.deepEqual(targets, ["f", "/no where"]);
    await fails(copy(bench, "l", "f"), -32603, "File exists (os error 17)");
  });

  fileTest("what cannot be copied is refused at once", make, async (bench) => {
    bench.fifo("fifo");
    bench.file("f");
    bench.folder("d");
    const special = "fs/copy only supports regular files, directories, and symlinks";
    await fails(copy(bench, "fifo", "g"), -32600, special);
    await fails(copy(bench, "f", "fifo"), -32600, /not a file/);
    await fails(copy(bench, "f", "d"), -32603, "Is a directory (os error 21)");
    await fails(copy(bench, "no", "g"), -32004, /No such file/);
    await fails(copy(bench, "f", "no/g"), -32004, /No such file/);
    assert.deepEqual(bench.list(), ["d", "f", "fifo"]);
  });
}

function copyingTrees(make: MakeFileSystem): void {
  fileTest("a tree is copied with links and modes, without special files", make, async (bench) => {
    bench.file("d/e/f", "x");
    bench.link("d/l", "e/f");
    bench.fifo("d/fifo");
    chmodSync(bench.path("d/e"), 0o500);
    chmodSync(bench.path("d"), 0o750);
    try {
      await copy(bench, "d", "new/n");
      assert.deepEqual([bench.list("new/n"), bench.text("new/n/e/f")], [["e", "l"], "x"]);
      assert.equal(readlinkSync(bench.path("new/n/l")), "e/f");
      assert.deepEqual([bench.mode("new/n"), bench.mode("new/n/e")], [0o750, 0o500]);
    } finally {
      for (const name of ["d/e", "new/n/e"]) chmodSync(bench.path(name), 0o700);
    }
  });

  fileTest("a tree is merged into what is there", make, async (bench) => {
    bench.file("d/f", "new");
    bench.file("d/s/x");
    bench.file("n/f", "old");
    bench.file("n/s/y");
    await copy(bench, "d", "n");
    assert.deepEqual([bench.text("n/f"), bench.list("n/s")], ["new", ["x", "y"]]);
    bench.folder("d/f2");
    bench.file("n/f2");
    await fails(copy(bench, "d", "n"), -32603, "File exists (os error 17)");
  });

  fileTest("a directory is not copied unless told so", make, async (bench) => {
    const sourcePath = bench.folder("d");
    const destinationPath = bench.uri("n");
    const copied = bench.fileSystem.copy({ sourcePath, destinationPath, recursive: false });
    const text = "fs/copy requires recursive: true when sourcePath is a directory";
    await fails(copied, -32600, text);
    assert.deepEqual(bench.list(), ["d"]);
  });
}

function copyingOntoItself(make: MakeFileSystem): void {
  fileTest("copying a file onto itself changes nothing", make, async (bench) => {
    bench.file("f", "content");
    linkSync(bench.path("f"), bench.path("hard"));
    bench.link("soft", "f");
    for (const name of ["f", "hard", "soft"]) await copy(bench, "f", name);
    await copy(bench, "soft", "soft");
    assert.deepEqual([bench.text("f"), bench.text("hard")], ["content", "content"]);
    assert.equal(readlinkSync(bench.path("soft")), "f");
  });

  fileTest("a directory is never copied into itself", make, async (bench) => {
    bench.file("d/e/f");
    bench.link("alias", "d");
    bench.folder("n");
    bench.link("n/e", "../d/e/g");
    bench.folder("d/e/g");
    const text = "fs/copy cannot copy a directory to itself or one of its descendants";
    for (const to of ["d", "d/sub", "alias", "alias/sub/deeper", "d/e/sub"]) {
      await fails(copy(bench, "d", to), -32600, text);
    }
    await fails(copy(bench, "d", "n"), -32600, text);
    assert.deepEqual(bench.list("d"), ["e"]);
  });
}
