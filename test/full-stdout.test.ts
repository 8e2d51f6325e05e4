import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { launchServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

/** A pipe into which nothing more fits, and which nobody reads. */
function fullPipe(t: TestContext): string {
  const path = join(temporaryFolder(t, "full"), "pipe");
  execFileSync("mkfifo", [path]);
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(pipe));
  const fill = () => {
    for (;;) writeSync(pipe, Buffer.alloc(4096));
  };
  assert.throws(fill, { code: "EAGAIN" });
  return path;
}

/** Where stdout leads that takes nothing, as the end of a shell's line that starts the server. */
const stdouts: Readonly<Record<string, (pipe: string) => string>> = {
  "finds no room in stdout": (pipe) => `exec "$@" >${pipe}`,
  "finds no room in a stdout that never waits": (pipe) =>
    `exec perl -MFcntl -e 'fcntl STDOUT, F_SETFL, O_NONBLOCK; exec @ARGV' "$@" >${pipe}`,
  "finds nobody behind stdout": (pipe) =>
    `mkfifo ${pipe}.left; exec 3<>${pipe}.left 4>${pipe}.left 3<&-; exec "$@" >&4 4>&-`,
};

for (const [what, script] of Object.entries(stdouts)) {
  test(`A server serves and stops although its URL ${what}, and the log tells it`, {
    skip: process.platform !== "linux",
  }, async (t) => {
    const server = launchServer({ startedBy: ["bash", "-c", script(fullPipe(t)), "sh"] });
    t.after(() => server.kill("SIGKILL"));
    const line = /nobody reads stdout; the server listens at (ws:[^"]+)"/;
    const told = () => line.exec(server.stderr());
    await until("the URL in the log", () => told() !== null);
    const client = await connect(told()?.[1] ?? "");
    await client.initialize();
    await client.close();
    assert.equal((await server.stop()).code, 0);
  });
}
