/** Paths longer than the 4095 bytes that the system takes, to which links or single steps lead. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { lastFirst } from "./support/last-first.ts";
import { workspaceWrite } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const name = "n".repeat(250);
/** Four times as deep as one path reaches. */
const levels = 64;

async function makeBench(t: TestContext) {
  const scope = lastFirst(t);
  const folder = temporaryFolder(scope, "long-paths");
  // Node's own removal takes the paths whole.
  scope.after(() => void execFileSync("rm", ["-rf", join(folder, "tree"), join(folder, "copy")]));
  const client = await connect((await startServer(scope)).url);
  await client.initialize();
  return { folder, client, uri: (at: string) => `file://${join(folder, at)}` };
}

/** Visits a directory and, one below the other, those of the name in it, held open one by one. */
function descend(top: string, visit: (at: string, level: number) => void): void {
  let held = openSync(top, "r");
  for (let level = 0; level < levels; level++) {
    visit(`/proc/self/fd/${held}`, level);
    const next = openSync(`/proc/self/fd/${held}/${name}`, "r");
    closeSync(held);
    held = next;
  }
  closeSync(held);
}

function grow(top: string): void {
  mkdirSync(top);
  descend(top, (at, level) => {
    writeFileSync(`${at}/file`, `content ${level}`);
    mkdirSync(`${at}/${name}`);
  });
}

function assertGrown(top: string): void {
  descend(top, (at, level) => {
    assert.deepEqual(readdirSync(at).sort(), ["file", name]);
    assert.equal(readFileSync(`${at}/file`, "utf8"), `content ${level}`);
  });
}

const manners = { freely: () => undefined, "in a sandbox": workspaceWrite };

for (const [manner, sandboxOf] of Object.entries(manners)) {
  describe(`a tree deeper than a path can be long, ${manner},`, () => {
    test("is removed", async (t) => {
      const { folder, client, uri } = await makeBench(t);
      grow(join(folder, "tree"));
      await client.request("fs/remove", { path: uri("tree"), sandbox: sandboxOf(folder) });
      assert.deepEqual(readdirSync(folder), []);
    });

    test("is copied, and copied over its copy", async (t) => {
      const { folder, client, uri } = await makeBench(t);
      grow(join(folder, "tree"));
      const ends = { sourcePath: uri("tree"), destinationPath: uri("copy") };
      for (let time = 0; time < 2; time++) {
        await client.request("fs/copy", {
          ...ends,
          recursive: true,
          sandbox: sandboxOf(folder),
        });
        assertGrown(join(folder, "copy"));
      }
    });
  });
}

test("a file behind links that make its real path too long is written", async (t) => {
  const { folder, client, uri } = await makeBench(t);
  grow(join(folder, "tree"));
  const half = Array.from({ length: 12 }, () => name).join("/");
  symlinkSync(`tree/${half}`, join(folder, "half"));
  symlinkSync(half, join(folder, "half/rest"));
  for (const content of ["short", "long".repeat(5_000), "other".repeat(5_000)]) {
    const dataBase64 = Buffer.from(content).toString("base64");
    await client.request("fs/writeFile", { path: uri("half/rest/written"), dataBase64 });
    assert.equal(readFileSync(join(folder, "half/rest/written"), "utf8"), content);
  }
});
