import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { uri, workspaceWrite } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

/** Prints what it can do, writes its arguments down, and runs the command as it is. */
const fakeBwrap = (log: string) => `#!/bin/bash
if [ "$1" = --help ]; then
  printf '  %s\\n' "--argv0 VALUE" --as-pid-1 "--perms OCTAL"
  exit
fi
printf '%s\\n' "$*" >> ${log}
name=
while [ "$1" != -- ]; do [ "$1" = --argv0 ] && name=$2; shift; done
shift
if [ -n "$name" ]; then exec -a "$name" "$@"; fi
exec "$@"
`;

function place(t: TestContext): string {
  const directory = temporaryFolder(t, "/var/tmp/sandbox-server");
  for (const name of ["bin", "ws"]) mkdirSync(join(directory, name));
  return directory;
}

test("the server takes bwrap from its own PATH, and names the helper where it can", async (t) => {
  const directory = place(t);
  const log = join(directory, "log");
  writeFileSync(join(directory, "bin/bwrap"), fakeBwrap(log));
  chmodSync(join(directory, "bin/bwrap"), 0o755);
  const env = { PATH: `${join(directory, "bin")}:${process.env.PATH}` };
  const server = await startServer(t, { env });
  const client = await connect(server.url);
  await client.initialize();
  const path = uri(join(directory, "ws/f"));
  const sandbox = workspaceWrite(join(directory, "ws"));
  await client.request("fs/writeFile", { path, dataBase64: "eA==", sandbox });
  await client.close();
  assert.equal(readFileSync(join(directory, "ws/f"), "utf8"), "x");
  assert.match(readFileSync(log, "utf8"), /--unshare-net .*--argv0 codex-fs-helper -- /);
});

test("what is confined works where few descriptors are allowed", async (t) => {
  const directory = place(t);
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  execFileSync("prlimit", [`--pid=${server.pid}`, "--nofile=80:"]);
  const sandbox = workspaceWrite(join(directory, "ws"));
  const confined = { argv: ["true"], sandbox };
  const { exitCode } = await run(client, confined);
  assert.equal(exitCode, 0);
  const path = uri(join(directory, "ws/f"));
  await client.request("fs/writeFile", { path, dataBase64: "eA==", sandbox });
});

test("a confined process leaves nothing when the server is killed", async (t) => {
  const directory = place(t);
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  const started = await client.request("process/start", {
    processId: "p",
    argv: ["/bin/sh", "-c", "echo up; sleep 1000"],
    cwd: uri(join(directory, "ws")),
    env: { PATH: "/usr/bin:/bin" },
    tty: false,
    sandbox: workspaceWrite(join(directory, "ws")),
  });
  assert.deepEqual(started, { processId: "p", sandboxType: "linuxSeccomp" });
  await client.event("process/output");
  const { sandbox } = await client.request("environment/info", null);
  assert.deepEqual(sandbox, { available: true });
  assert.ok(existsSync(join(directory, "ws/.git")));
  server.kill("SIGKILL");
  await server.exited;
  const isEmpty = () => readdirSync(join(directory, "ws")).length === 0;
  await until("the removal of what was left", isEmpty);
});

test("a program that catches the interrupt goes on in a sandboxed terminal", async (t) => {
  const directory = place(t);
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  // In `read` a signal that comes just before it blocks would be noticed only by the next line.
  const trap =
    "trap 'caught=1; echo caught > /dev/tty' INT; echo up; until [ $caught ]; do :; done";
  const script = `${trap}; read -r x; echo "got $x"`;
  await client.request("process/start", {
    processId: "p",
    argv: ["/bin/bash", "-c", `${script}; read -r x; echo "got $x"`],
    cwd: uri(join(directory, "ws")),
    env: { PATH: "/usr/bin:/bin" },
    tty: true,
    sandbox: workspaceWrite(join(directory, "ws")),
  });
  let text = "";
  const printed = async (pattern: RegExp) => {
    while (!pattern.test(text)) {
      text += Buffer.from((await client.event("process/output")).chunk, "base64").toString();
    }
  };
  const type = (keys: string, writeId: string) =>
    client.request("process/write", {
      processId: "p",
      chunk: Buffer.from(keys).toString("base64"),
      writeId,
    });
  await printed(/up/);
  await type("\x03", "1");
  await printed(/caught/);
  await type("on\n", "2");
  await printed(/got/);
  await type("\n\n", "3");
  const { exitCode } = await client.event("process/exited");
  assert.equal(exitCode, 0);
  await client.close();
});

test("what needs a proxy that is not there is refused before anything runs", async (t) => {
  const directory = place(t);
  const server = await startServer(t);
  const client = await connect(server.url);
  await client.initialize();
  const start = client.request("process/start", {
    processId: "p",
    argv: ["/bin/sh", "-c", ": > ran"],
    cwd: uri(join(directory, "ws")),
    env: {},
    tty: false,
    sandbox: workspaceWrite(join(directory, "ws")),
    enforceManagedNetwork: true,
  });
  await assert.rejects(start, { code: -32602, message: /cannot be enforced .* proxy/ });
  assert.deepEqual(readdirSync(join(directory, "ws")), []);
  await client.close();
});
