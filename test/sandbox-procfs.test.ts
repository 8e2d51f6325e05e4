import assert from "node:assert/strict";
import { test } from "node:test";
import { Ground } from "./support/escape-ground.ts";
import { place, sandboxOf, special, uri } from "./support/sandboxes.ts";

for (const base of ["root", "minimal"] as const) {
  for (const denied of ["/proc", "/proc/version"]) {
    test(`nobody reads what is denied of procfs: ${denied} where ${base} is readable`, async (t) => {
      const ground = new Ground();
      t.after(() => ground.clear());
      const entries = [special(base, "read"), place(ground.at("ws"), "write")];
      const sandbox = sandboxOf([...entries, place(denied, "deny")]);
      const read = ground.files(sandbox).readFile({ path: uri("/proc/version") });
      await assert.rejects(read, /Permission denied/);
      assert.match(await ground.shell("cat /proc/version", sandbox), /Permission denied/);
    });
  }
}
