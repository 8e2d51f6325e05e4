import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { localFileSystem } from "../src/environment/local/file-system.ts";
import { relativeUnlink } from "../src/environment/local/libc/relative-unlink.ts";
import { plainFileSystem } from "../src/environment/local/plain-file-system.ts";
import { smallCopyBytesMax } from "../src/limits.ts";
import { hostPathOf, pathUriOf } from "../src/protocol/path-uri.ts";
import { WrittenResult } from "../src/protocol/written-result.ts";
import { fails } from "./support/process-workbench.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** Names that are no text, or are written otherwise in JSON or in a URI. */
const oddNames = [
  Buffer.from([0x66, 0xff, 0xfe]),
  Buffer.from("ö €"),
  Buffer.from('quote " \\ \n\t'),
  Buffer.from("per%41cent?#"),
  Buffer.from("\u007f\u0001"),
];
const unlinkAt = await relativeUnlink();

function makeFiles(t: TestContext, options: { unlinkAt?: typeof unlinkAt } = {}) {
  const files = localFileSystem({ emit: () => true, ...options });
  t.after(() => files.close());
  return files;
}

/** Some hundred files, in directories, with names of every kind. */
function grow(root: string): void {
  for (let folder = 0; folder < 12; folder++) {
    mkdirSync(join(root, `d${folder}`, "deeper"), { recursive: true });
    for (let file = 0; file < 40; file++) writeFileSync(join(root, `d${folder}`, `f${file}`), "x");
    for (const name of oddNames) writeFileSync(bytePath(join(root, `d${folder}/deeper`), name), "");
  }
  symlinkSync("d1", join(root, "folder link"));
  symlinkSync("no where", join(root, "dangling"));
}

const bytePath = (directory: string, name: Buffer) =>
  Buffer.concat([Buffer.from(`${directory}/`), name]);

for (const [manner, options] of Object.entries({ "through procfs": {}, natively: { unlinkAt } })) {
  test(`a tree with many files and odd names is removed ${manner}`, async (t) => {
    const directory = temporaryFolder(t, "trees");
    grow(join(directory, "tree"));
    writeFileSync(join(directory, "kept"), "");
    symlinkSync(join(directory, "kept"), join(directory, "tree", "out"));
    const path = `file://${directory}/tree`;
    await makeFiles(t, options).remove({ path });
    assert.deepEqual(readdirSync(directory), ["kept"]);
  });

  test(`what cannot be removed ${manner} is told, and stays`, async (t) => {
    const directory = temporaryFolder(t, "trees");
    grow(join(directory, "tree"));
    // A directory that became one only after its parent was read is refused by name.
    const path = `file://${directory}/tree/d1/f1`;
    await fails(
      Promise.resolve(plainFileSystem(makeFiles(t, options)).remove({ path: `${path}/x` })),
      -32603,
      "Not a directory (os error 20)",
    );
    assert.ok(existsSync(join(directory, "tree/d1/f1")));
  });
}

test("files of every size are copied with their modes, over longer ones too", async (t) => {
  const directory = temporaryFolder(t, "trees");
  mkdirSync(join(directory, "from"));
  mkdirSync(join(directory, "to"));
  const sizes = [0, 1, 4096, smallCopyBytesMax - 1, smallCopyBytesMax, smallCopyBytesMax + 1];
  for (const [at, size] of sizes.entries()) {
    const name = join(directory, "from", `${size}`);
    writeFileSync(name, Buffer.alloc(size, `content ${size}`));
    chmodSync(name, 0o600 + at);
    if (at % 2 === 0) writeFileSync(join(directory, "to", `${size}`), Buffer.alloc(200_000, "old"));
  }
  const paths = {
    sourcePath: `file://${directory}/from`,
    destinationPath: `file://${directory}/to`,
  };
  await makeFiles(t).copy({ ...paths, recursive: true });
  for (const size of sizes) {
    const [from, to] = ["from", "to"].map((side) => join(directory, side, `${size}`)) as [
      string,
      string,
    ];
    assert.deepEqual(readFileSync(to), readFileSync(from));
    assert.equal(statSync(to).mode, statSync(from).mode);
  }
});

test("many files are copied, once each, with names that are no text", async (t) => {
  const directory = temporaryFolder(t, "trees");
  grow(join(directory, "from"));
  const paths = {
    sourcePath: `file://${directory}/from`,
    destinationPath: `file://${directory}/to`,
  };
  await makeFiles(t).copy({ ...paths, recursive: true });
  const listed = (side: string) =>
    readdirSync(join(directory, side), { recursive: true, encoding: "latin1" }).sort();
  assert.deepEqual(listed("to"), listed("from"));
});

test("files of procfs, which say that they are empty, are copied with content", async (t) => {
  const directory = temporaryFolder(t, "trees");
  const paths = {
    sourcePath: "file:///proc/sys/kernel/random",
    destinationPath: `file://${directory}`,
  };
  await makeFiles(t).copy({ ...paths, recursive: true });
  assert.match(readFileSync(join(directory, "uuid"), "utf8"), /^[0-9a-f-]{36}\n$/);
});

test("a listing and a walk are the same as text and as objects", async (t) => {
  const directory = temporaryFolder(t, "trees");
  grow(directory);
  const files = makeFiles(t);
  const options = {
    maxDepth: 9,
    maxDirectories: 100,
    maxEntries: 1000,
    followDirectorySymlinks: true,
    pruneHiddenDirectories: false,
  };
  const results = [
    await files.readDirectory({ path: `file://${directory}` }),
    await files.readDirectory({ path: `file://${directory}/d1/deeper` }),
    await files.walk({ path: `file://${directory}`, options }),
  ];
  for (const result of results) {
    assert.ok(result instanceof WrittenResult);
    const plain = result.toJSON() as { entries: unknown[] };
    assert.ok(plain.entries.length >= oddNames.length);
    assert.deepEqual(JSON.parse(result.parts().join("")), plain);
  }
});

test("what a walk of the root lists has canonical paths", async (t) => {
  const options = {
    maxDepth: 0,
    maxDirectories: 1,
    maxEntries: 1000,
    followDirectorySymlinks: false,
    pruneHiddenDirectories: false,
  };
  const walked = await plainFileSystem(makeFiles(t)).walk({ path: "file:///", options });
  const folders = readdirSync("/", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const expected = folders.map(({ name }) => pathUriOf(hostPathOf(`/${name}`))).sort();
  const found = walked.entries.filter(({ kind }) => kind === "directory");
  assert.deepEqual(found.map(({ path }) => path).sort(), expected);
});
