import assert from "node:assert/strict";
import { mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { hangingMounts } from "../src/system/hanging-mounts.ts";
import { mountsNow } from "../src/system/outer-mounts.ts";
import { connect } from "./support/client.ts";
import { hungMount, hungMountHindrance } from "./support/hung-mount.ts";
import { hasOwnMounts, testInOwnMounts } from "./support/own-mounts.ts";
import { workspaceWrite } from "./support/sandboxes.ts";
import { hasCurrentBuild, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const skip = hungMountHindrance() ?? false;

test("in a mount namespace of their own", { skip: skip || hasOwnMounts }, () =>
  testInOwnMounts(import.meta.url),
);

const confined = (processId: string, directory: string, argv: string[]) => ({
  processId,
  argv,
  cwd: `file://${directory}`,
  env: { PATH: "/usr/bin:/bin" },
  tty: false,
  sandbox: workspaceWrite(directory),
});

describe("a disk that hangs", { skip: skip || !hasOwnMounts }, () => {
  test("is known to all as soon as anybody has seen it", async (t) => {
    hangingMounts();
    const { directory } = await hungMount(t);
    mountsNow();
    assert(hangingMounts().includes(directory));
  });

  test("keeps neither the end of a command confined to it nor other starts waiting", async (t) => {
    const dying = mkdtempSync(join(tmpdir(), "dying-"));
    const living = temporaryFolder(t, "living");
    const server = await startServer(t);
    const client = await connect(server.url);
    await client.initialize();
    const closed = (id: string) =>
      client.event("process/closed", ({ processId }) => processId === id);
    await client.request("process/start", confined("dying", dying, ["sleep", "300"]));
    await hungMount(t, dying);
    await client.request("process/terminate", { processId: "dying" });
    await closed("dying");
    await client.request("process/start", confined("living", living, ["true"]));
    await closed("living");
  });

  test("is no place for what sandboxes need while there is another", async (t) => {
    if (!hasCurrentBuild())
      return t.skip("tsx looks for a pipe in TMPDIR, which hangs: build first");
    const { directory } = await hungMount(t);
    const workspace = temporaryFolder(t, "workspace");
    const TMPDIR = join(workspace, "tmp");
    symlinkSync(directory, TMPDIR);
    const server = await startServer(t, { env: { TMPDIR } });
    const client = await connect(server.url);
    await client.initialize();
    await client.request("process/start", confined("confined", workspace, ["true"]));
    await client.event("process/closed");
  });
});
