import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { directFileSystem } from "../src/environment/local/files/direct-file-system.ts";
import { lockMark } from "../src/environment/local/journal/folder.ts";
import { ServerJournal } from "../src/environment/local/journal/journal.ts";
import { sealName } from "../src/environment/local/journal/seal.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const cwd = fileURLToPath(new URL("..", import.meta.url));

function journaled(t: TestContext, place: string) {
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const journal = new ServerJournal({ place, begun: () => {}, isExposed: () => false, warn });
  t.after(() => journal.close());
  const { writeFile } = directFileSystem(journal);
  const write = (path: string, content: string | Buffer) =>
    writeFile({ path: `file://${path}`, dataBase64: Buffer.from(content).toString("base64") });
  return { write, warnings, journal };
}

const sizes = [0, 1, 100, 4096, 4097, 10_000, 2_000_000];

test("content of any size takes the place of any other", async (t) => {
  const folder = temporaryFolder(t, "replace-content");
  const { write, warnings } = journaled(t, folder);
  for (const [index, size] of sizes.entries()) {
    const fresh = join(folder, `new-${index}`);
    await write(fresh, Buffer.alloc(size, "f"));
    assert.deepEqual(readFileSync(fresh), Buffer.alloc(size, "f"));
    for (const oldSize of sizes) {
      const path = join(folder, "file");
      writeFileSync(path, Buffer.alloc(oldSize, "o"));
      const { ino } = statSync(path);
      await write(path, Buffer.alloc(size, "n"));
      assert.deepEqual(readFileSync(path), Buffer.alloc(size, "n"), `${oldSize} to ${size}`);
      assert.equal(statSync(path).ino, ino);
    }
  }
  assert.deepEqual(warnings, []);
});

test("of writes to one file by two names one is there as a whole in the end", async (t) => {
  const folder = temporaryFolder(t, "replace-content");
  const { write } = journaled(t, folder);
  const names = ["a", "b"].map((name) => join(folder, name));
  const [a = "", b = ""] = names;
  writeFileSync(a, "old");
  linkSync(a, b);
  const contents = Array.from({ length: 12 }, (_, at) =>
    Buffer.alloc(10 ** (1 + (at % 6)) * 3, String.fromCharCode(97 + at)),
  );
  await Promise.all(contents.map((content, at) => write(names[at % 2] ?? a, content)));
  const found = readFileSync(a);
  assert.ok(
    contents.some((content) => content.equals(found)),
    `${found.length} bytes`,
  );
});

test("a journal that cannot be kept keeps nobody from writing, and is told once", async (t) => {
  const folder = temporaryFolder(t, "replace-content");
  writeFileSync(join(folder, "no-folder"), "");
  const { write, warnings } = journaled(t, join(folder, "no-folder"));
  for (const content of ["something long", "short"]) await write(join(folder, "f"), content);
  assert.equal(readFileSync(join(folder, "f"), "utf8"), "short");
  assert.match(warnings.join("\n"), /^files are written without a journal.*ENOTDIR[^\n]*$/);
});

test("a journal whose files somebody removes makes new ones", async (t) => {
  const folder = temporaryFolder(t, "replace-content");
  const { write, warnings, journal } = journaled(t, folder);
  const path = join(folder, "f");
  await write(path, "something long");
  rmSync(join(folder, `codex-exec-server-${process.getuid?.()}`), { recursive: true });
  await write(path, "short");
  assert.equal(readFileSync(path, "utf8"), "short");
  const marks: readonly string[] = [lockMark, sealName];
  assert.equal(readdirSync(journal.folder).filter((name) => !marks.includes(name)).length, 1);
  assert.deepEqual(warnings, []);
});

/** Runs a module beside tsx in a world that bwrap makes, without any right beyond its user's. */
function runIn(arguments_: readonly string[], folder: string, program: string) {
  const imports = `
    import { directFileSystem } from "./src/environment/local/files/direct-file-system.ts";
    import { ServerJournal } from "./src/environment/local/journal/journal.ts";
    import * as fs from "node:fs";
    const folder = ${JSON.stringify(folder)};
    const journal = new ServerJournal({
      place: process.env.JOURNALS,
      begun: () => {},
      isExposed: () => false,
      warn: (text) => console.error(text),
    });
    const { writeFile } = directFileSystem(journal);
    const write = (name, content) => writeFile({
      path: "file://" + folder + "/" + name,
      dataBase64: Buffer.from(content).toString("base64"),
    });`;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e"];
  const bwrap = ["--dev-bind", "/", "/", ...arguments_, "--", ...node, imports + program];
  const env = { ...process.env, JOURNALS: tmpdir() };
  return spawnSync("bwrap", bwrap, { cwd, encoding: "utf8", env });
}

test("on a full disk a file keeps its old content, and a new one is not there", (t) => {
  const folder = temporaryFolder(t, "replace-content");
  const run = runIn(
    ["--size", "1048576", "--tmpfs", folder],
    folder,
    `
    await write("f", "old content".repeat(1000));
    const code = (error) => error.message;
    console.log(await write("f", Buffer.alloc(2_000_000)).catch(code));
    console.log(await write("new", Buffer.alloc(2_000_000)).catch(code));
    console.log(fs.readFileSync(folder + "/f", "utf8") === "old content".repeat(1000));
    console.log(fs.readdirSync(folder).join());
    await write("f", "shorter");
    console.log(fs.readFileSync(folder + "/f", "utf8"));
    await journal.close();`,
  );
  const lines = run.stdout.trim().split("\n");
  assert.match(lines[0] ?? run.stderr, /no space left/i);
  assert.match(lines[1] ?? run.stderr, /no space left/i);
  assert.deepEqual([lines.slice(2), run.stderr], [["true", "f", "shorter"], ""]);
});

test("a file in a folder that may not be changed is written", (t) => {
  const folder = temporaryFolder(t, "replace-content");
  mkdirSync(join(folder, "sealed"));
  writeFileSync(join(folder, "sealed/f"), "old content of the file");
  chmodSync(join(folder, "sealed"), 0o555);
  const run = runIn(
    ["--unshare-user", "--cap-drop", "ALL"],
    folder,
    `
    console.log(await write("sealed/new", "x").catch((error) => error.code));
    await write("sealed/f", "new content");
    console.log(fs.readFileSync(folder + "/sealed/f", "utf8"));
    await journal.close();`,
  );
  // Otherwise only root could remove it.
  chmodSync(join(folder, "sealed"), 0o755);
  assert.deepEqual([run.stdout, run.stderr], ["EACCES\nnew content\n", ""]);
});
