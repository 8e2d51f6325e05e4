import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { base64, fileTest, type MakeFileSystem } from "./file-workbench.ts";
import { fails } from "./process-workbench.ts";

const blockBytesMax = 1024 * 1024;

export function handleContract(make: MakeFileSystem): void {
  readingBlocks(make);
  writingBlocks(make);
  namingHandles(make);
}

function readingBlocks(make: MakeFileSystem): void {
  fileTest("blocks are read from anywhere; the end is told by a short one", make, async (bench) => {
    const { fileSystem } = bench;
    const handleId = "h";
    const path = bench.file("f", "hello world");
    assert.deepEqual(await fileSystem.open({ handleId, path, mode: "read" }), { handleId });
    const read = (offset: number, len: number) => fileSystem.readBlock({ handleId, offset, len });
    assert.deepEqual(await read(6, 3), { chunk: base64("wor"), eof: false });
    assert.deepEqual(await read(6, 100), { chunk: base64("world"), eof: true });
    assert.deepEqual(await read(6, 5), { chunk: base64("world"), eof: false });
    assert.deepEqual(await read(5000, 5), { chunk: "", eof: true });
    assert.deepEqual(await read(2 ** 64, 5), { chunk: "", eof: true });
  });

  fileTest(
    "a handle survives bad block lengths and a new file of its name",
    make,
    async (bench) => {
      const { fileSystem } = bench;
      await fileSystem.open({ handleId: "h", path: bench.file("f", "old"), mode: "read" });
      const read = (len: number) => fileSystem.readBlock({ handleId: "h", offset: 0, len });
      const text = "file read block length must be between 1 and 1048576";
      for (const len of [0, blockBytesMax + 1]) await fails(read(len), -32600, text);
      renameSync(bench.path("f"), bench.path("g"));
      bench.file("f", "new");
      assert.equal((await read(3)).chunk, base64("old"));
    },
  );
}

function writingBlocks(make: MakeFileSystem): void {
  fileTest("blocks are written anywhere into an emptied file", make, async (bench) => {
    const { fileSystem } = bench;
    const handleId = "h";
    await fileSystem.open({ handleId, path: bench.file("f", "old"), mode: "replace" });
    assert.equal(bench.text("f"), "");
    const write = (offset: number, text: string) =>
      fileSystem.writeBlock({ handleId, offset, chunk: base64(text) });
    await write(5, "def");
    await write(0, "abc");
    await fileSystem.close({ handleId });
    assert.equal(bench.text("f"), "abc\0\0def");
  });

  fileTest("a file is opened again as it is, and told from any other", make, async (bench) => {
    const { fileSystem } = bench;
    const path = bench.file("f", "old content");
    const opened = async (mode: "read" | "replace" | "resume") => {
      const handleId = `h${handles++}`;
      const { file } = await fileSystem.open({ handleId, path, mode, identify: true });
      return { handleId, ...file };
    };
    let handles = 0;
    const { handleId, ...first } = await opened("replace");
    await fileSystem.writeBlock({ handleId, offset: 0, chunk: base64("abcdef") });
    const { handleId: resumed, ...second } = await opened("resume");
    assert.deepEqual([first.size, second], [0, { id: first.id, size: 6 }]);
    await fileSystem.writeBlock({ handleId: resumed, offset: 3, chunk: base64("DEF") });
    assert.equal(bench.text("f"), "abcDEF");
    const other = bench.file("g", "other");
    renameSync(bench.path("g"), bench.path("f"));
    const { id, size } = await opened("resume");
    assert.deepEqual([size, bench.text("f")], [5, "other"]);
    assert.notEqual(id, first.id);
    const open = { handleId: "h", path: other, mode: "resume" } as const;
    await fails(fileSystem.open(open), -32004, /No such file/);
    assert.deepEqual(bench.list(), ["f"]);
    await fails(fileSystem.open({ ...open, path: bench.fifo("fifo") }), -32600, /not a file/);
  });

  fileTest("blocks that cannot be written are refused", make, async (bench) => {
    const { fileSystem } = bench;
    await fileSystem.open({ handleId: "r", path: bench.file("f", "x"), mode: "read" });
    await fileSystem.open({ handleId: "w", path: bench.uri("g"), mode: "replace" });
    const write = (handleId: string, chunk: string, offset = 0) =>
      fileSystem.writeBlock({ handleId, offset, chunk });
    await fails(write("r", "eA=="), -32603, "Bad file descriptor (os error 9)");
    const length = "file write block length must be between 1 and 1048576";
    await fails(write("w", ""), -32600, length);
    await fails(write("w", base64("x".repeat(blockBytesMax + 1))), -32600, length);
    await fails(write("w", "*"), -32600, /fs\/writeBlock requires valid base64 chunk/);
    const far = "file write range exceeds the signed 64-bit file offset limit";
    await fails(write("w", "eA==", 2 ** 63), -32600, far);
    await fails(write("none", "eA=="), -32004, "unknown file handle `none`");
    assert.equal(bench.text("g"), "");
  });
}

function namingHandles(make: MakeFileSystem): void {
  fileTest("only regular files are opened, at once", make, async (bench) => {
    const open = (path: string, mode: "read" | "replace") =>
      bench.fileSystem.open({ handleId: "h", path, mode });
    bench.fifo("fifo");
    await fails(open(bench.uri(), "read"), -32600, /not a file/);
    for (const mode of ["read", "replace"] as const) {
      await fails(open(bench.uri("fifo"), mode), -32600, /not a file/);
    }
    await fails(open(bench.uri("no"), "read"), -32004, /No such file/);
    await open(bench.file("f"), "read");
  });

  fileTest("a handle's id is taken until it is closed", make, async (bench) => {
    const { fileSystem } = bench;
    const path = bench.file("f", "x");
    const open = (mode: "read" | "replace") => fileSystem.open({ handleId: "h", path, mode });
    await open("read");
    await fails(open("replace"), -32600, "file handle `h` already exists");
    assert.equal(bench.text("f"), "x");
    assert.deepEqual(await fileSystem.close({ handleId: "h" }), {});
    const read = fileSystem.readBlock({ handleId: "h", offset: 0, len: 1 });
    await fails(read, -32004, "unknown file handle `h`");
    assert.deepEqual(await fileSystem.close({ handleId: "h" }), {});
    await open("read");
  });

  fileTest("a read that fails closes the handle, which leaves its id", make, async (bench) => {
    const { fileSystem } = bench;
    const path = bench.file("f");
    await fileSystem.open({ handleId: "h", path, mode: "replace" });
    const read = (len: number) => fileSystem.readBlock({ handleId: "h", offset: 0, len });
    await fails(read(0), -32600, /^file read block length must be between/);
    await fails(read(1), -32603, "Bad file descriptor (os error 9)");
    await fileSystem.open({ handleId: "h", path, mode: "read" });
    assert.deepEqual(await read(1), { chunk: "", eof: true });
  });

  fileTest("ids have at most 32 bytes, also when they are closed", make, async (bench) => {
    const { fileSystem } = bench;
    const path = bench.file("f");
    const long = "file handle ID must not exceed 32 bytes";
    const handleId = "ü".repeat(17);
    await fails(fileSystem.open({ handleId, path, mode: "read" }), -32600, long);
    await fails(fileSystem.close({ handleId }), -32600, long);
    await fileSystem.open({ handleId: "ü".repeat(16), path, mode: "read" });
    await fileSystem.open({ handleId: "", path, mode: "read" });
  });

  fileTest("128 files may be open, counting those that are being opened", make, async (bench) => {
    const path = bench.file("f");
    const opened = await Promise.allSettled(
      Array.from({ length: 129 }, (_, at) =>
        bench.fileSystem.open({ handleId: `${at}`, path, mode: "read" }),
      ),
    );
    const refused = opened.filter(({ status }) => status === "rejected");
    assert.equal(refused.length, 1);
    await bench.fileSystem.close({ handleId: "7" });
    await bench.fileSystem.open({ handleId: "again", path, mode: "read" });
  });
}
