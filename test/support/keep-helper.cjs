// Puts the code that V8 has compiled by the time the fs-helper has done what most begin with into
// the helper's file: it must be one file, because inside a sandbox it may be the only one of ours.
const fs = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const v8 = require("node:v8");
const { Script } = require("node:vm");

const [, , path] = process.argv;

/** V8 does not tell the Nodes apart that have one version of it with different patches. */
const node = "process.version + process.platform + process.arch";
const builder = process.version + process.platform + process.arch;

/**
 * Takes the code if it is of this very Node, and compiles the source if it is not. Both are
 * comments, which cost Node next to nothing when it compiles the file.
 */
const loader = `"use strict";
const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");
const [, source, kept] = readFileSync(__filename, "latin1")
  .split("\\n//")
  .map((text) => Buffer.from(text, "base64"));
const isOwn = ${node} === "${builder}";
const options = { filename: __filename, cachedData: isOwn ? kept : undefined };
new Script(source.latin1Slice(), options).runInThisContext()(require);`;

// What the helper sets when it is warm would be kept with the code, which then fits no start.
v8.setFlagsFromString = () => {};

const directory = fs.mkdtempSync(join(tmpdir(), "kept-"));
const file = { path: `file://${directory}/file` };
const dataBase64 = Buffer.from("text").toString("base64");
const journalFd = fs.openSync(join(directory, "slip"), "w");
const lines = [
  { operation: "confine", params: { ...grants(), journalFd } },
  { operation: "fs/writeFile", params: { ...file, dataBase64 } },
  { operation: "fs/writeFile", params: { ...file, dataBase64 } },
  { operation: "fs/getMetadata", params: file },
  { operation: "fs/readFile", params: file },
];

/** As a server grants them, with the journal that it lends. */
function grants() {
  return { rules: [{ path: directory, access: "write" }], denyGlobs: [] };
}

const { readSync, writeSync } = fs;
fs.readSync = (fd, ...rest) => {
  if (fd !== 0) return readSync(fd, ...rest);
  const line = lines.shift();
  return line === undefined ? 0 : rest[0].write(`${JSON.stringify(line)}\n`);
};
fs.writeSync = (fd, ...rest) => {
  if (fd !== 1) return writeSync(fd, ...rest);
  const answer = JSON.parse(rest[0].toString("utf8"));
  if (answer.status !== "ok") throw new Error(answer.payload.message);
  return rest[0].length;
};

// The bundler leaves nothing but ASCII.
const source = `(function (require) {${fs.readFileSync(path, "latin1")}\n})`;
const script = new Script(source, { filename: path });
process.once("beforeExit", () => {
  const parts = [Buffer.from(source, "latin1"), script.createCachedData()];
  const comments = parts.map((part) => `\n//${part.toString("base64")}`);
  fs.writeFileSync(path, `${loader}${comments.join("")}\n`);
  fs.rmSync(directory, { recursive: true });
});
script.runInThisContext()(require);
