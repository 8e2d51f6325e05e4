import assert from "node:assert/strict";
import { cpSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { launchServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A clone after `npm ci`, in which nothing was built. */
function checkout(t: TestContext): string {
  const folder = temporaryFolder(t, "checkout");
  for (const part of ["bin", "src", "package.json", "tsconfig.json"]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

const moments: Record<string, (url: string) => Promise<void>> = {
  "right after the URL": async () => {},
  "after a process": async (url) => {
    const client = await connect(url);
    await client.initialize();
    await run(client, { argv: ["true"] });
  },
};

for (const [moment, reach] of Object.entries(moments)) {
  test(`Ctrl-C at the first start in a checkout is obeyed ${moment}, though its compiler hears it, too`, async (t) => {
    const server = launchServer({
      program: join(checkout(t), "bin/codex.js"),
      // Where the compiler keeps what it has compiled: nothing yet.
      env: { TMPDIR: temporaryFolder(t, "compiled") },
      startedBy: ["setsid"],
    });
    t.after(() => server.stop());
    await reach(await within(60_000, "the URL", server.firstLine, server.stderr));
    process.kill(-server.pid, "SIGINT");
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    assert.equal(server.stderr(), "");
  });
}
