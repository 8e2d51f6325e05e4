// Runs the built program until a client has been greeted, and keeps the code that V8 has compiled by
// then: functions that a start does not call are left out, and are compiled when they are called.
const fs = require("node:fs");
const v8 = require("node:v8");
const { compiledScript, keptPath, run } = require("../../bin/compiled-script.js");

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
const { writeSync } = fs;
fs.writeSync = (_, line) => {
  fs.writeSync = writeSync;
  void greet(line.trim()).then(keep, fail);
  return line.length;
};
run(script);

/** As clients do. */
async function greet(url) {
  const { default: WebSocket } = await import("ws");
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("message", resolve);
    socket.once("open", () => {
      socket.send('{"id":1,"method":"initialize","params":{"clientName":"build"}}');
    });
  });
  socket.close();
}

function keep() {
  fs.writeFileSync(keptPath, script.createCachedData());
  process.kill(process.pid, "SIGTERM");
}

function fail(error) {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}
