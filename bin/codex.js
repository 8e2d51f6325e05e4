#!/usr/bin/env node
// Starts the built program; in a checkout that is not built, the sources through tsx. Old syntax only,
// so that an old Node comes far enough to be told that it is too old.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const version = process.versions.node.split(".").map(Number);
const isTooOld = version[0] < 20 || (version[0] === 20 && version[1] < 19);
const built = join(__dirname, "../dist/codex.cjs");
const sources = join(__dirname, "../src/commands");

if (isTooOld) {
  process.stderr.write(
    `codex needs Node 20.19 or later, and this is ${process.versions.node}: install a newer Node.\n`,
  );
  process.exitCode = 1;
} else {
  require("./thread-pool.js");
  if (existsSync(built)) startBuilt();
  else void startSources();
}

function startBuilt() {
  const { compiledScript, run } = require("./compiled-script.js");
  run(compiledScript());
}

async function startSources() {
  const { register } = await import("tsx/esm/api");
  register();
  const { pathToFileURL } = require("node:url");
  const load = (file) => import(pathToFileURL(join(sources, file)).href);
  if (process.argv[2] === "exec-server") await load("whole-server.ts");
  await load("main.ts");
}
