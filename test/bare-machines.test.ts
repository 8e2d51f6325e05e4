/** Servers that are started where something is missing that nearly every machine has. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { launchServer, type ServerOptions, startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

const refusalMsMax = 10_000;

const shell = (script: string) => ["sh", "-c", script, "sh"] as const;
const asNobodyKnown = ["unshare", "--user", "--map-user=54321"] as const;
const ownMounts = ["unshare", "--map-root-user", "--mount"] as const;

/** Why a test cannot be run here. */
function hindrance([program, ...args]: readonly [string, ...string[]]): string | false {
  const { status } = spawnSync(program, [...args, "true"]);
  return status === 0 ? false : `this machine refuses \`${[program, ...args].join(" ")}\``;
}

describe("a server works", () => {
  const works = async (t: TestContext, options: ServerOptions) => {
    const server = await startServer(t, options);
    const client = await connect(server.url);
    const { environmentInfo } = await client.initialize();
    assert.equal((await run(client, { argv: ["echo", "hello"] })).stdout, "hello\n");
    client.socket.terminate();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.equal(server.stderr(), "");
    assert(environmentInfo);
    return environmentInfo;
  };

  test("for a user without an account and HOME", { skip: hindrance(asNobodyKnown) }, async (t) => {
    const info = await works(t, { startedBy: asNobodyKnown, env: { HOME: undefined } });
    assert.equal("userHomeDir" in info, false);
  });

  test("in a directory that was removed", async (t) => {
    const cwd = mkdtempSync(join(tmpdir(), "removed-"));
    const info = await works(t, { startedBy: shell('rmdir "$PWD"; exec "$@"'), cwd });
    assert.equal(info.cwd, "file:///");
  });
});

describe("a server refuses to start, and says why,", () => {
  const refuses = async (t: TestContext, options: ServerOptions, complaint: RegExp) => {
    const { exited, stdout, stderr, stop } = launchServer(options);
    t.after(stop);
    const exit = await within(refusalMsMax, "the end of the server", exited);
    assert.deepEqual(exit, { code: 1, signal: null });
    assert.equal(stdout(), "");
    assert.match(stderr(), complaint);
    assert.equal(stderr().split("\n").length, 2, stderr());
  };

  test("without /proc", { skip: hindrance(ownMounts) }, (t) => {
    const startedBy = [...ownMounts, ...shell('mount -t tmpfs none /proc; exec "$@"')] as const;
    return refuses(t, { startedBy }, /^Error: there is no \/proc, .*: mount -t proc proc \/proc\n/);
  });

  test("when its URL cannot be written", (t) =>
    refuses(t, { startedBy: shell('exec "$@" >/dev/full') }, /^Error: the URL cannot .*ENOSPC/));
});
