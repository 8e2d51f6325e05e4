/** Servers that are started where something is missing that nearly every machine has. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { hindrance } from "./support/hindrance.ts";
import { run, start } from "./support/process.ts";
import { untilDead } from "./support/process-table.ts";
import { launchServer, type ServerOptions, startServer } from "./support/server.ts";

const _waitMsMax = 30_000;

const shell = (script: string) => ["sh", "-c", script, "sh"] as const;
const asNobodyKnown = ["unshare", "--user", "--map-user=54321"] as const;
const ownMounts = ["unshare", "--map-root-user", "--mount"] as const;

const noTerminals = [...ownMounts, ...shell('mount -t tmpfs none /dev/pts; exec "$@"')] as const;

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

describe("what a server lacks is told once, and announced to no client:", () => {
  const startOn = async (t: TestContext, options: ServerOptions) => {
    const server = await startServer(t, options);
    const client = await connect(server.url);
    const { environmentInfo } = await client.initialize();
    return { server, client, capabilities: environmentInfo?.capabilities };
  };
  const warningsOf = (stderr: string) => stderr.split("\n").filter((line) => line.includes("warn"));

  test("terminals, while the rest is as ever", { skip: hindrance(ownMounts) }, async (t) => {
    const { server, client, capabilities } = await startOn(t, { startedBy: noTerminals });
    assert.equal(capabilities?.processResize, false);
    await assert.rejects(start(client, { argv: ["true"], tty: true }), /terminal/);
    // Only native starts end what has left its session.
    const argv = ["sh", "-c", "setsid sh -c 'echo $$; exec sleep 300' & wait"];
    const processId = await start(client, { argv });
    const { chunk } = await client.event(
      "process/output",
      (event) => event.processId === processId,
    );
    await client.request("process/terminate", { processId });
    await client.event("process/closed", (event) => event.processId === processId);
    const pid = Number(Buffer.from(chunk, "base64").toString());
    await untilDead(pid);
    client.socket.terminate();
    await server.stop();
    assert.equal(warningsOf(server.stderr()).length, 1);
    assert.match(server.stderr(), /There are no terminals: .*mount devpts at \/dev\/pts/);
  });

  test("native starts", async (t) => {
    const { server, client } = await startOn(t, { env: { NODE_OPTIONS: "--no-addons" } });
    client.socket.terminate();
    await server.stop();
    assert.equal(warningsOf(server.stderr()).length, 1);
    assert.match(server.stderr(), /cannot be started natively: .* survives a kill/);
  });
});

describe("the doctor tells", () => {
  const checksBy = async (options: ServerOptions) => {
    const { ended, stdout } = launchServer({ ...options, args: ["doctor", "--json"] });
    await ended();
    const { checks } = JSON.parse(stdout()) as { checks: Record<string, string>[] };
    return (wanted: string) => checks.find(({ name }) => name === wanted);
  };

  test("that there are no terminals, and not to install koffi", {
    skip: hindrance(ownMounts),
  }, async () => {
    const check = await checksBy({ startedBy: noTerminals });
    assert.equal(check("starting processes")?.status, "ok");
    assert.equal(check("ending processes")?.status, "ok");
    const { status, fix } = check("terminals") ?? {};
    assert.deepEqual({ status, fix }, { status: "failed", fix: "mount devpts at /dev/pts" });
  });

  test("that there is no /proc", { skip: hindrance(ownMounts) }, async () => {
    const startedBy = [...ownMounts, ...shell('mount -t tmpfs none /proc; exec "$@"')] as const;
    const check = await checksBy({ startedBy });
    assert.equal(check("starting processes")?.fix, "mount -t proc proc /proc");
  });

  test("what is lacking without native starts", async () => {
    const check = await checksBy({ env: { NODE_OPTIONS: "--no-addons" } });
    for (const name of ["starting processes", "ending processes", "terminals"]) {
      assert.match(check(name)?.fix ?? "", /koffi/, name);
    }
  });
});

describe("a server refuses to start, and says why,", () => {
  const refuses = async (_t: TestContext, options: ServerOptions, complaint: RegExp) => {
    const { ended, stdout, stderr } = launchServer(options);
    assert.deepEqual(await ended(), { code: 1, signal: null });
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
