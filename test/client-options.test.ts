import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect, environments } from "../src/client/library.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** The compiler must take them too, in a program that is strict about them. */
test("options that are undefined are as good as none", async (t) => {
  const folder = temporaryFolder(t, "options");
  const choice = await environments({ local: undefined, connect: undefined });
  t.after(() => choice.close());
  const { files, fetch } = await choice.open(undefined, { signal: undefined });
  const [one, other] = [join(folder, "one"), join(folder, "other")];
  await writeFile(one, "text");
  await files.copy(one, other, { recursive: undefined });
  await files.remove(one, { recursive: undefined, force: undefined });
  await files.makeDirectory(one, { recursive: undefined });
  await files.watchMissing([other], { present: undefined });
  await assert.rejects(fetch("http://127.0.0.1:1", { headers: undefined }), { code: -32603 });
  assert.equal(await files.readText(other), "text");
});

test("what is no URL, such as a variable that is not set, is refused as that", async () => {
  const complaint = "is no URL of an exec-server, such as ws://127.0.0.1:8765";
  const unset = undefined as unknown as string;
  await assert.rejects(connect(unset), new TypeError(`\`undefined\` ${complaint}`));
  await assert.rejects(connect("127.0.0.1:8765"), new TypeError(`\`127.0.0.1:8765\` ${complaint}`));
});
