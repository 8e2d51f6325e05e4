import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
} from "node:fs";
import { base64, fileTest, type MakeFileSystem } from "./file-workbench.ts";
import { fails, hasMembers } from "./process-workbench.ts";

const missing = "No such file or directory (os error 2)";

export function contentContract(make: MakeFileSystem): void {
  reading(make);
  writing(make);
  looking(make);
}

function reading(make: MakeFileSystem): void {
  fileTest("a file is read, through links too", make, async (bench) => {
    bench.file("real/f", "hällo");
    bench.link("l", "real/f");
    const content = { dataBase64: base64("hällo") };
    for (const name of ["real/f", "l", "real/../l"]) {
      assert.deepEqual(await bench.fileSystem.readFile({ path: bench.uri(name) }), content);
    }
  });

  fileTest("an empty file and one that procfs makes up are read", make, async (bench) => {
    const empty = await bench.fileSystem.readFile({ path: bench.file("f") });
    assert.equal(empty.dataBase64, "");
    const made = await bench.fileSystem.readFile({ path: "file:///proc/self/cmdline" });
    assert.notEqual(made.dataBase64, "");
  });

  fileTest("what is no file is refused at once", make, async (bench) => {
    const uris = [bench.uri(), bench.fifo("fifo"), "file:///dev/zero"];
    for (const path of uris) await fails(bench.fileSystem.readFile({ path }), -32600, /not a file/);
  });

  fileTest(
    "what is too large for one answer: the limit holds, and a way is told",
    make,
    async (bench) => {
      const path = bench.file("f");
      const told = /limit is 398458880 bytes, use fs\/open and fs\/readBlock/;
      for (const size of [398_458_881, 600_000_000]) {
        truncateSync(bench.path("f"), size);
        await fails(bench.fileSystem.readFile({ path }), -32600, told);
      }
    },
  );

  fileTest("only what is missing is not found", make, async (bench) => {
    bench.file("f");
    const read = (name: string) => bench.fileSystem.readFile({ path: bench.uri(name) });
    await fails(read("no"), -32004, missing);
    await fails(read("f/no"), -32603, "Not a directory (os error 20)");
  });

  fileTest("links in a circle are an error", make, async (bench) => {
    bench.link("b", "a");
    await fails(
      bench.fileSystem.readFile({ path: bench.link("a", "b") }),
      -32603,
      /symbolic link/i,
    );
  });

  fileTest("a path of another kind of host is refused", make, async (bench) => {
    const path = "file:///C:/x";
    await fails(bench.fileSystem.readFile({ path }), -32600, /is invalid on/);
  });
}

function writing(make: MakeFileSystem): void {
  fileTest("a written file keeps its inode and mode", make, async (bench) => {
    const path = bench.file("f", "something longer");
    chmodSync(bench.path("f"), 0o754);
    const { ino } = statSync(bench.path("f"));
    await bench.fileSystem.writeFile({ path, dataBase64: base64("short") });
    assert.equal(bench.text("f"), "short");
    assert.deepEqual([statSync(bench.path("f")).ino, bench.mode("f")], [ino, 0o754]);
  });

  fileTest("a link is written through, a dangling one too", make, async (bench) => {
    bench.file("real", "old");
    const write = (path: string) => bench.fileSystem.writeFile({ path, dataBase64: base64("new") });
    await write(bench.link("l", "real"));
    await write(bench.link("dangling", "made"));
    assert.deepEqual([bench.text("real"), bench.text("made")], ["new", "new"]);
    assert.ok(lstatSync(bench.path("l")).isSymbolicLink());
  });

  fileTest("bad base64 is refused before the file is touched", make, async (bench) => {
    const path = bench.file("f", "keep");
    const demand = "fs/writeFile requires valid base64 dataBase64:";
    const bad = { "*": "Invalid symbol 42, offset 0.", eHk: "Invalid padding" };
    for (const [dataBase64, complaint] of Object.entries(bad)) {
      const write = bench.fileSystem.writeFile({ path, dataBase64 });
      await fails(write, -32600, `${demand} ${complaint}`);
    }
    assert.equal(bench.text("f"), "keep");
  });

  fileTest("nothing is written where no file can be", make, async (bench) => {
    const write = (path: string) => bench.fileSystem.writeFile({ path, dataBase64: "" });
    await fails(write(bench.uri("no/f")), -32004, missing);
    await fails(write(bench.folder("d")), -32603, "Is a directory (os error 21)");
    assert.deepEqual(bench.list(), ["d"]);
  });

  fileTest("a FIFO is refused at once, read by somebody or not", make, async (bench) => {
    const fifo = bench.fifo("fifo");
    const link = bench.link("l", "fifo");
    const write = (path: string) => bench.fileSystem.writeFile({ path, dataBase64: "eA==" });
    for (const path of [fifo, link]) await fails(write(path), -32600, /not a file/);
    const reader = openSync(bench.path("fifo"), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (const path of [fifo, link]) await fails(write(path), -32600, /not a file/);
    } finally {
      closeSync(reader);
    }
  });

  fileTest("the null device swallows what is written", make, async (bench) => {
    const path = "file:///dev/null";
    assert.deepEqual(await bench.fileSystem.writeFile({ path, dataBase64: "eA==" }), {});
  });

  fileTest("a name that is not UTF-8 is written, read, found and removed", make, async (bench) => {
    const path = `${bench.uri()}/x%FFy`;
    await bench.fileSystem.writeFile({ path, dataBase64: "eA==" });
    const names = readdirSync(bench.path(), { encoding: "latin1" });
    assert.deepEqual(names, ["x\u00ffy"]);
    assert.deepEqual(await bench.fileSystem.readFile({ path }), { dataBase64: "eA==" });
    assert.deepEqual(await bench.fileSystem.canonicalize({ path }), { path });
    await bench.fileSystem.remove({ path, force: false });
    assert.deepEqual(bench.list(), []);
  });
}

function looking(make: MakeFileSystem): void {
  const file = { isFile: true, isDirectory: false };
  const folder = { isFile: false, isDirectory: true };
  const neither = { isFile: false, isDirectory: false };

  fileTest("metadata follow a link and say that it is one", make, async (bench) => {
    bench.folder("d");
    const look = (path: string) => bench.fileSystem.getMetadata({ path });
    hasMembers(await look(bench.file("f", "12345")), { ...file, isSymlink: false, size: 5 });
    hasMembers(await look(bench.link("lf", "f")), { ...file, isSymlink: true, size: 5 });
    hasMembers(await look(bench.link("ld", "d")), { ...folder, isSymlink: true });
    hasMembers(await look(bench.fifo("fifo")), { ...neither, isSymlink: false });
    await fails(look(bench.link("dangling", "no")), -32004, missing);
  });

  fileTest("metadata of a link itself can be had, also when it dangles", make, async (bench) => {
    bench.folder("d");
    const look = (path: string) => bench.fileSystem.getMetadata({ path, followSymlinks: false });
    hasMembers(await look(bench.link("l", "four")), { ...neither, isSymlink: true, size: 4 });
    hasMembers(await look(bench.link("ld", "d")), { ...neither, isSymlink: true });
    hasMembers(await look(bench.uri("d")), { ...folder, isSymlink: false });
  });

  fileTest(
    "times are whole milliseconds, and a file was made when it was made",
    make,
    async (bench) => {
      const before = Date.now();
      const { createdAtMs, modifiedAtMs } = await bench.fileSystem.getMetadata({
        path: bench.file("f"),
      });
      // The kernel stamps with the time of its last tick.
      for (const ms of [createdAtMs, modifiedAtMs]) {
        assert.ok(Number.isInteger(ms) && ms >= before - 100 && ms <= Date.now(), `${ms}`);
      }
    },
  );

  fileTest("a canonical path has no links and the canonical spelling", make, async (bench) => {
    bench.file("d ü/f");
    bench.link("l", "d ü");
    const { path } = await bench.fileSystem.canonicalize({ path: `${bench.uri()}//l/./f/` });
    assert.equal(path, bench.uri("d ü/f"));
    await fails(bench.fileSystem.canonicalize({ path: bench.uri("no") }), -32004, missing);
  });
}
