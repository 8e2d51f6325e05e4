import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { place, uri, workspaceWrite } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const writeByNode = `"${process.execPath}" -e 'fs.writeFileSync("secret", "")'`;

const commands: [command: string, denied: boolean][] = [
  ["echo a > secret", true],
  ["echo a > 'a plan'; echo a > later", true],
  ["echo a > deep/key", true],
  [writeByNode, true],
  ["cat secret", true],
  ["mkdir mine; echo a > mine", false],
  ["echo a > mine/secret; echo secret; echo a > mine", false],
  ["cat .git", false],
  ["echo a > secret; true", false],
  ["kill -SYS $$", true],
  ["kill -TERM $$", false],
  ["echo a > secret || exit 127", false],
];

test("what the sandbox refused is told as a denial, also a write to what is not there", async (t) => {
  const workspace = temporaryFolder(t, "/var/tmp/sandbox-denied");
  const at = (name: string) => join(workspace, name);
  const deniedAndMissing = ["secret", "deep/key"].map((name) => place(at(name), "deny"));
  const sandbox = workspaceWrite(workspace, ...deniedAndMissing, place(at("later"), "read"));
  const client = await connect((await startServer(t)).url);
  await client.initialize();
  for (const [command, denied] of commands) {
    const argv = ["sh", "-c", command];
    const { sandboxDenied, stderr } = await run(client, { argv, cwd: uri(workspace), sandbox });
    assert.equal(sandboxDenied, denied, `${command}: ${stderr}`);
  }
  assert.deepEqual(readdirSync(workspace).sort(), ["a plan", "mine"]);
});
