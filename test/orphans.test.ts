import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { hindrance } from "./support/hindrance.ts";
import { lastFirst } from "./support/last-first.ts";
import { run } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

const asProcessOne = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"] as const;
const waitMsMax = 30_000;

test("a server that is process 1 lets no orphan lie dead in the process table", {
  skip: hindrance(asProcessOne),
}, async (t) => {
  const scope = lastFirst(t);
  const server = await startServer(scope, { startedBy: asProcessOne });
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "latin1");
  // Its parent, which stands outside, passes on no signals.
  scope.after(() => void process.kill(Number(children)));
  const client = await connect(server.url);
  await client.initialize();
  const shell = (script: string) => run(client, { argv: ["sh", "-c", script] });

  const orphan = await shell("sleep 0.01 >/dev/null 2>&1 & echo $!; exit 3");
  assert.equal(orphan.exitCode, 3);
  const gone = shell(`while test -e /proc/${orphan.stdout.trim()}; do sleep 0.01; done`);
  assert.equal((await within(waitMsMax, "the end of the orphan", gone)).exitCode, 0);
});
