import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A copy of the package as npm installs it. */
function installed(t: TestContext): string {
  const folder = temporaryFolder(t, "installed");
  mkdirSync(join(folder, "node_modules"));
  for (const part of ["bin", "dist"]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  for (const name of ["koffi", "@koromix"]) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  return folder;
}

test("a server whose package is removed serves on, and says what it cannot do", async (t) => {
  const folder = installed(t);
  const server = await startServer(t, { program: join(folder, "bin/codex.js") });
  const client = await connect(server.url);
  await client.initialize();
  rmSync(folder, { recursive: true });
  const gone = /a part of this program is gone from the disk: .*updated while it ran; start it/;
  const asked = { requestId: "r", method: "GET", url: server.url.replace("ws:", "http:") };
  await assert.rejects(client.request("http/request", { ...asked, headers: [] }), gone);
  const metrics = await fetch(`${asked.url}/metrics`);
  assert.equal(metrics.status, 500);
  assert.match(await metrics.text(), gone);
  await run(client, { argv: ["true"] });
  await client.close();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.match(server.stderr(), /the metrics cannot be told/);
});
