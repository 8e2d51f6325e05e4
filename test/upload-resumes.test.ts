import assert from "node:assert/strict";
import { copyFileSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ConnectionError } from "../src/client/calls/errors.ts";
import { writeBlocks } from "../src/client/files/upload.ts";
import type { FileSystem } from "../src/environment/file-system.ts";
import { localFileSystem } from "../src/environment/local/file-system.ts";
import { plainFileSystem } from "../src/environment/local/plain-file-system.ts";
import { callRepeatsMax, uploadBlockBytesMin } from "../src/limits.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const breaksWanted = callRepeatsMax + 10;
const content = Buffer.alloc((breaksWanted + 10) * uploadBlockBytesMin, "content");

/**
 * The files of this machine, as over connections that break at some writes. Each has one handle,
 * which goes with it. `isBroken` is given the number of the connection, and that of its write.
 */
function brokenAt(t: TestContext, isBroken: (connection: number, write: number) => boolean) {
  const local = localFileSystem({ emit: () => true });
  t.after(() => local.close());
  const files = plainFileSystem(local);
  const writes = new Map<string, number>();
  const writeBlock: FileSystem["writeBlock"] = async (block) => {
    const { handleId } = block;
    const write = 1 + (writes.get(handleId) ?? 0);
    writes.set(handleId, write);
    if (!isBroken(writes.size, write)) return files.writeBlock(block);
    await files.close({ handleId });
    throw new ConnectionError("the line is broken");
  };
  return { connections: () => writes.size, fileSystem: { ...files, writeBlock } };
}

const upload = (path: string, fileSystem: FileSystem) =>
  writeBlocks({
    ...{ fileSystem, place: { path: pathToFileURL(path).href }, canResume: true },
    ...{ content: [content], signal: undefined },
  });

test("an upload goes on as long as each connection takes it further, however many break", async (t) => {
  const path = join(temporaryFolder(t, "resumes"), "file");
  const { connections, fileSystem } = brokenAt(
    t,
    (connection, write) => write > 1 && connection <= breaksWanted,
  );
  await upload(path, fileSystem);
  assert.ok(readFileSync(path).equals(content));
  assert.equal(connections(), breaksWanted + 1);
});

test("an upload that no connection takes further is given up some day", async (t) => {
  const path = join(temporaryFolder(t, "resumes"), "file");
  const { connections, fileSystem } = brokenAt(
    t,
    (connection, write) => connection > 1 || write > 1,
  );
  await assert.rejects(upload(path, fileSystem), ConnectionError);
  assert.equal(connections(), 1 + 1 + callRepeatsMax);
});

test("an upload does not go on with another file, though that has its name and its content", async (t) => {
  const path = join(temporaryFolder(t, "resumes"), "file");
  const { fileSystem } = brokenAt(t, (connection, write) => {
    if (connection > 1 || write === 1) return false;
    copyFileSync(path, `${path}.new`);
    renameSync(`${path}.new`, path);
    return true;
  });
  await assert.rejects(upload(path, fileSystem), /changed by somebody else/);
});
