// Compiles the bundle with the code that V8 kept of it when it was built: that halves the start. V8
// takes the kept code only if it is of the same version and flags; otherwise it compiles as if there
// were none. Two releases of Node may have a V8 of one version with different patches, though, and
// the code of one fails in the other: that of Node 20.20.2 in 20.19.0. So each Node has its own.
const { readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");

const path = join(__dirname, "../dist/codex.cjs");
const { arch, platform, version } = process;
const keptPath = join(__dirname, `../dist/codex-${version}-${platform}-${arch}.cache`);

/** The bundle is the text of one function: the body of a CommonJS module. */
function compiledScript() {
  // The bundler leaves nothing but ASCII, which is read and kept in half the memory so.
  return new Script(readFileSync(path, "latin1"), { filename: path, cachedData: keptCode() });
}

function keptCode() {
  try {
    return readFileSync(keptPath);
  } catch {
    // Not there while the build makes it, or for another Node than the one that built.
    return undefined;
  }
}

/** What it requires by a relative path is relative to this file. */
function run(script) {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, path, dirname(path));
}

module.exports = { compiledScript, keptPath, run };
