// Compiles the bundle with the code that V8 kept of it when it was built: that halves the start. V8
// takes the kept code only if it is its own, of the same version and flags; otherwise it compiles as
// if there were none.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");

const path = join(__dirname, "../dist/codex.cjs");
const keptPath = join(__dirname, "../dist/codex.cache");

/** What a CommonJS module is to Node: the body of a function. */
function compiledScript() {
  // The bundler leaves nothing but ASCII, which is read and kept in half the memory so.
  const source = readFileSync(path, "latin1");
  const body = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
  return new Script(body, { filename: path, cachedData: keptCode() });
}

function keptCode() {
  try {
    return readFileSync(keptPath);
  } catch {
    // Not there while the build makes it.
    return undefined;
  }
}

function run(script) {
  const module = { exports: {} };
  const run = script.runInThisContext();
  run(module.exports, createRequire(path), module, path, dirname(path));
}

module.exports = { compiledScript, keptPath, run };
