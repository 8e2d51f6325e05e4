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

test("A server serves and stops although its URL finds no room in stdout, and the log tells it", {
  skip: process.platform !== "linux",
}, async (t) => {
  const server = launchServer({ startedBy: ["sh", "-c", `exec "$@" >${fullPipe(t)}`, "sh"] });
  t.after(() => server.kill("SIGKILL"));
  const told = () => /nobody reads stdout; the server listens at (ws:[^"]+)"/.exec(server.stderr());
  await until("the URL in the log", () => told() !== null);
  const client = await connect(told()?.[1] ?? "");
  await client.initialize();
  await client.close();
  assert.equal((await server.stop()).code, 0);
});
