import assert from "node:assert/strict";
import { type Bench, base64, fileTest, type MakeFileSystem } from "./file-workbench.ts";
import { fails } from "./process-workbench.ts";

const walkOptions = {
  maxDepth: 9,
  maxDirectories: 99,
  maxEntries: 99,
  followDirectorySymlinks: false,
  pruneHiddenDirectories: false,
};

/** What is done to `path` with links refused. */
const deeds: Record<string, (bench: Bench, path: string) => Promise<unknown>> = {
  readFile: ({ fileSystem }, path) => fileSystem.readFile({ path, followSymlinks: false }),
  writeFile: ({ fileSystem }, path) =>
    fileSystem.writeFile({ path, dataBase64: base64("new"), followSymlinks: false }),
  readDirectory: ({ fileSystem }, path) =>
    fileSystem.readDirectory({ path, followSymlinks: false }),
  walk: ({ fileSystem }, path) =>
    fileSystem.walk({ path, options: walkOptions, followSymlinks: false }),
  canonicalize: ({ fileSystem }, path) => fileSystem.canonicalize({ path, followSymlinks: false }),
};

for (const mode of ["read", "replace", "resume"] as const) {
  deeds[`open to ${mode}`] = ({ fileSystem }, path) =>
    fileSystem.open({ handleId: "h", path, mode, followSymlinks: false });
}

export function noFollowContract(make: MakeFileSystem): void {
  for (const [name, deed] of Object.entries(deeds)) {
    const inner = /walk|readDirectory/.test(name) ? "real/d" : "real/f";
    fileTest(`${name} refuses a link as last name and on the way`, make, async (bench) => {
      bench.file("real/f", "old");
      bench.folder("real/d");
      bench.link("last", inner);
      bench.link("way", "real");
      await fails(deed(bench, bench.uri("last")), -32603, /./);
      await fails(deed(bench, bench.uri(inner.replace("real", "way"))), -32603, /symbolic link/i);
      assert.equal(bench.text("real/f"), "old");
      await deed(bench, bench.uri(inner));
    });
  }

  fileTest("a directory is made where no link is on the way", make, async (bench) => {
    bench.folder("real");
    const make = (path: string, recursive = true) =>
      bench.fileSystem.createDirectory({ path, recursive, followSymlinks: false });
    bench.link("way", "real");
    await fails(make(bench.uri("way/d/e")), -32603, /symbolic link/i);
    await fails(make(bench.uri("way")), -32603, "File exists (os error 17)");
    await make(bench.uri("real/d/e"));
    await make(bench.uri("real/d/e"));
    await fails(make(bench.uri("real/no/d"), false), -32004, /No such file/);
    assert.deepEqual(bench.list("real"), ["d"]);
  });

  fileTest("a link is removed as such, what is behind one is not", make, async (bench) => {
    bench.file("real/f");
    bench.link("way", "real");
    const remove = (name: string) =>
      bench.fileSystem.remove({ path: bench.uri(name), followSymlinks: false });
    await fails(remove("way/f"), -32603, /symbolic link/i);
    await remove("way");
    assert.deepEqual([bench.list(), bench.list("real")], [["real"], ["f"]]);
    await remove("real");
    assert.deepEqual(bench.list(), []);
  });

  fileTest("a FIFO is refused without following links too", make, async (bench) => {
    await fails(deeds.writeFile?.(bench, bench.fifo("p")) ?? assert.fail(), -32600, /not a file/);
  });
}
