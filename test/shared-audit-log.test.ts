import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { lastFirst } from "./support/last-first.ts";
import { run } from "./support/process.ts";
import { launchServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

test("A second server on the same audit log does not start, and leaves the first one alone", {
  skip: process.platform !== "linux",
}, async (t) => {
  const scope = lastFirst(t);
  const folder = temporaryFolder(scope, "audit");
  const args = ["--audit-log", join(folder, "audit.jsonl")];
  const first = await startServer(scope, { args });
  const client = await connect(first.url);
  await client.initialize();
  const second = launchServer({ args });
  assert.equal((await second.ended()).code, 1);
  assert.match(second.stderr(), /^Error: the audit log .* is in use by another server/);
  assert.equal((await run(client, { argv: ["/bin/true"] })).exitCode, 0);
  first.kill("SIGKILL");
  await first.exited;
  await startServer(scope, { args });
});

test("A server whose audit log somebody else has changed is not ready, and says why", async (t) => {
  const path = join(temporaryFolder(t, "audit"), "audit.jsonl");
  const { url } = await startServer(t, { args: ["--audit-log", path] });
  const readiness = () => fetch(`${url.replace("ws:", "http:")}/readyz`);
  assert.equal((await readiness()).status, 200);
  appendFileSync(path, "a line of somebody else\n");
  const told = /the audit log .*was changed by somebody else.*restart this one with a new file/;
  await assert.rejects((await connect(url)).initialize(), told);
  const answer = await readiness();
  assert.equal(answer.status, 503);
  const reason = await answer.text();
  assert.match(reason, told);
  assert.ok(!reason.includes(path), "tells the path to whoever asks");
});
