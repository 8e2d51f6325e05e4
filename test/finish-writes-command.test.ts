import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { launchServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

test("finish-writes touches no folder but one of journals", async (t) => {
  const folder = temporaryFolder(t, "other");
  writeFileSync(join(folder, "file"), "");
  mkdirSync(join(folder, "directory"));
  const command = launchServer({ args: ["finish-writes", folder] });
  const { code } = await command.ended();
  assert.equal(code, 1);
  assert.match(command.stderr(), /^Error: .* is not where servers of this user keep journals/);
  assert.deepEqual(readdirSync(folder).sort(), ["directory", "file"]);
});
