import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { environments } from "../src/client/library.ts";
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
