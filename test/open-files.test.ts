import assert from "node:assert/strict";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openFiles } from "../src/environment/local/files/open-files.ts";
import { textOf } from "../src/protocol/base64.ts";
import { hostPathOf, pathUriOf } from "../src/protocol/path-uri.ts";
import { fails } from "./support/process-workbench.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** How many descriptors of this process lead to `path`. */
function descriptorsOf(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // The descriptor that listed the others is gone by now.
      return false;
    }
  }).length;
}

function withFile(t: { after(cleanUp: () => void): void }) {
  const directory = temporaryFolder(t, "open-files");
  const path = join(directory, "f");
  writeFileSync(path, "x".repeat(1 << 20));
  return { path, uri: pathUriOf(hostPathOf(path)) };
}

test("closing everything closes what is open and what is just being opened", async (t) => {
  const { path, uri } = withFile(t);
  const files = openFiles();
  await files.open({ handleId: "open", path: uri, mode: "read" });
  assert.equal(descriptorsOf(path), 1);
  const opening = files.open({ handleId: "opening", path: uri, mode: "read" });
  await files.closeAll();
  await opening;
  assert.equal(descriptorsOf(path), 0);
  const late = files.open({ handleId: "late", path: uri, mode: "read" });
  await fails(late, -32600, "the connection is closed");
});

test("a read that runs when its handle is closed still gives its block", async (t) => {
  const { path, uri } = withFile(t);
  const files = openFiles();
  await files.open({ handleId: "h", path: uri, mode: "read" });
  const reads = Array.from({ length: 8 }, () =>
    files.readBlock({ handleId: "h", offset: 0, len: 1 << 20 }),
  );
  await files.close({ handleId: "h" });
  for (const { chunk } of await Promise.all(reads)) {
    assert.equal(Buffer.from(textOf(chunk), "base64").length, 1 << 20);
  }
  assert.equal(descriptorsOf(path), 0);
});

test("a handle whose file cannot be opened leaves its id free", async (t) => {
  const { uri } = withFile(t);
  const files = openFiles();
  const missing = files.open({ handleId: "h", path: `${uri}-missing`, mode: "read" });
  await fails(missing, -32004, /No such file/);
  await files.open({ handleId: "h", path: uri, mode: "read" });
  await files.closeAll();
});

test("a read that fails closes the handle", async () => {
  const files = openFiles();
  // Reading the memory of a process at address 0 is an error of input and output.
  await files.open({ handleId: "h", path: "file:///proc/self/mem", mode: "read" });
  const read = () => files.readBlock({ handleId: "h", offset: 0, len: 1 });
  await fails(read(), -32603, "I/O error (os error 5)");
  await fails(read(), -32004, "unknown file handle `h`");
});
