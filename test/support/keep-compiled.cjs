// Runs the built program until clients have had done what most begin with, and keeps the code that V8
// has compiled by then: what nobody called is left out, and is compiled when it is called.
const fs = require("node:fs");
const { setTimeout } = require("node:timers/promises");
const v8 = require("node:v8");
const { compiledScript, keptPath, run } = require("../../bin/compiled-script.js");

const workMsMax = 20_000;

// The program sets flags when it has started. V8 would keep them with the code, and refuse to take
// it at the next start, which begins without them.
v8.setFlagsFromString = () => {};

const script = compiledScript();
process.argv = [
  ...process.argv.slice(0, 1),
  "codex",
  "exec-server",
  "--listen",
  "ws://127.0.0.1:0",
];
const { write } = fs;
fs.write = (fd, line, ...rest) => {
  if (fd !== 1) return write(fd, line, ...rest);
  void work(line.trim()).then(keep, fail);
  rest.at(-1)(null, line.length);
};
// By them Node knows what a promise of it gives.
Object.defineProperties(fs.write, Object.getOwnPropertyDescriptors(write));
run(script);

/** As far as it is done by then: a sandbox may hang on a machine that builds. */
async function work(url) {
  const { doFirstWork } = await import("./first-work.mjs");
  await Promise.race([doFirstWork(url), setTimeout(workMsMax)]);
}

function keep() {
  fs.writeFileSync(keptPath, script.createCachedData());
  process.kill(process.pid, "SIGTERM");
}

function fail(error) {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}
