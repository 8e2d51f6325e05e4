import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { hindrance } from "./support/hindrance.ts";
import { run } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const skip = hindrance(["prlimit", "--core=0"]);

test("an audit log on a full disk is told of at /readyz and in the log", {
  skip,
}, async (t) => {
  const file = join(temporaryFolder(t, "audit"), "audit.jsonl");
  const server = await startServer(t, { args: ["--audit-log", file] });
  const readiness = () => fetch(`${server.url.replace("ws:", "http:")}/readyz`);
  const limitFiles = (bytes: number | "unlimited") =>
    execFileSync("prlimit", ["--pid", `${server.pid}`, `--fsize=${bytes}:`]);
  const client = await connect(server.url);
  await client.initialize();
  limitFiles(statSync(file).size);
  const full = /the audit log .*cannot be written, so nothing is started: EFBIG/;
  for (const processId of ["a", "b"]) {
    await assert.rejects(run(client, { processId, argv: ["true"] }), full);
  }
  const answer = await readiness();
  assert.equal(answer.status, 503);
  const reason = await answer.text();
  assert.match(reason, full);
  assert.ok(!reason.includes(file), "tells the path to whoever asks");
  limitFiles("unlimited");
  assert.equal((await readiness()).status, 200);
  const { event, count } = JSON.parse(
    readFileSync(file, "utf8").trimEnd().split("\n").at(-1) ?? "",
  );
  assert.deepEqual({ event, count }, { event: "entries-missing", count: 2 });
  await client.close();
  await server.stop();
  const told = server.stderr().trimEnd().split("\n");
  assert.deepEqual(
    told.map((line) => JSON.parse(line).level),
    ["error", "warn"],
  );
});
