import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectLibrary } from "../src/client/library.ts";
import { connect } from "./support/client.ts";
import { finish, run, start } from "./support/process.ts";
import { place, sandboxOf, special, uri, workspaceWrite } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/**
 * A client of a server whose bwrap works when it is tried, and is a shell script with the arguments
 * `$@` for `/usr/bin/bwrap` when it is to confine a command.
 */
async function withBwrap(t: TestContext, script: string) {
  const directory = temporaryFolder(t, "/var/tmp/failed-sandboxes");
  for (const name of ["bin", "ws"]) mkdirSync(join(directory, name));
  const path = `${process.env.PATH}`;
  const file = `#!/bin/sh\nPATH='${path}'\ncase " $* " in *" --args "*) ${script};; esac\n`;
  writeFileSync(join(directory, "bin/bwrap"), `${file}exec bwrap "$@"\n`, { mode: 0o755 });
  const server = await startServer(t, { env: { PATH: `${join(directory, "bin")}:${path}` } });
  const client = await connect(server.url);
  await client.initialize();
  return { client, url: server.url, workspace: join(directory, "ws") };
}

test("a bwrap that fails while it sets up a sandbox fails the start, which says why", async (t) => {
  const { client, workspace } = await withBwrap(t, 'exec bwrap --ro-bind /missing-place / "$@"');
  const starting = run(client, { argv: ["true"], sandbox: workspaceWrite(workspace) });
  const reason =
    /^the sandbox cannot be set up: bwrap at .*: Can't find source path \/missing-place/;
  await assert.rejects(starting, { code: -32603, message: reason });
  assert.deepEqual(readdirSync(workspace), []);
  // Nobody hears of what was not started.
  client.send({ jsonrpc: "2.0", id: "list", method: "process/list", params: {} });
  const { id, result } = await client.nextMessage();
  assert.deepEqual([id, result], ["list", { processes: [] }]);
});

/** A bwrap that has mounted everything cannot be made to fail there, so that its words are said. */
const cannotFork = "bwrap: Can't fork for pid 1: Resource temporarily unavailable";

test("that bwrap could not fork in its last step is told as a failure of the sandbox", async (t) => {
  const { client, workspace } = await withBwrap(t, 'exec bwrap "$@"');
  const tell = async (script: string) => {
    const argv = ["sh", "-c", script, "sh", cannotFork];
    const processId = await start(client, { argv, sandbox: workspaceWrite(workspace) });
    const { exitCode } = await finish(client, processId);
    const { failure } = await client.request("process/read", { processId });
    return { exitCode, failure };
  };
  const failed = await tell('echo "$1" >&2; exit 1');
  assert.equal(failed.exitCode, 1);
  assert.match(failed.failure ?? "", /^the sandbox cannot be set up: the limit of processes/);
  assert.deepEqual(await tell('echo up; echo "$1" >&2; exit 1'), { exitCode: 1, failure: null });
});

test("a command that may not enter its working directory does not run, and is told why", async (t) => {
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  const cwd = temporaryFolder(t, "hidden-cwd");
  for (const entries of [
    [special("minimal", "read")],
    [special("root", "read"), place(cwd, "deny")],
  ]) {
    const options = { argv: ["echo", "ran"], cwd: uri(cwd), sandbox: sandboxOf(entries) };
    const processId = await start(client, options);
    const { exitCode, stdout } = await finish(client, processId);
    assert.deepEqual([exitCode, stdout], [1, ""]);
    const { failure } = await client.request("process/read", { processId });
    assert.match(failure ?? "", /policy does not let .* enter its working directory .*hidden-cwd/);
  }
});

test("the library shows that failure, also to a client that comes later", async (t) => {
  const { url, workspace } = await withBwrap(t, 'exec bwrap "$@"');
  const first = await connectLibrary(url);
  const script = `echo "${cannotFork}" >&2; exit 1`;
  const options = { sandbox: workspaceWrite(workspace) };
  const { exitCode, failure = "" } = await first.run(["sh", "-c", script], options);
  assert.equal(exitCode, 1);
  assert.match(failure, /^the sandbox cannot be set up: the limit of processes/);
  assert.equal("failure" in (await first.run(["false"], options)), false);
  const { id, closed } = await first.start(["sh", "-c", script], options);
  await closed;
  first.detach();
  const later = await connectLibrary(url, { resumeSessionId: first.sessionId });
  t.after(() => later.close());
  assert.deepEqual(await later.attach(id).exit, { exitCode: 1, sandboxDenied: false, failure });
});
