import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

test("V8 takes the code that the build kept, and so need not compile the program", () => {
  const { compiledScript } = require("../bin/compiled-script.js");
  assert.equal(compiledScript().cachedDataRejected, false);
});

test("koffi's native part is in the version and in the place where the program looks", (t) => {
  const { arch, platform, report } = process;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  const isKnown = platform === "linux" && ["x64", "arm64"].includes(arch);
  if (!isKnown || !header.glibcVersionRuntime) return t.skip("koffi itself looks here");
  const { version } = require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
  assert.equal(version, require("../package.json").optionalDependencies.koffi);
});

for (const [what, kept] of [
  ["is that of another V8", Buffer.alloc(1000, 7)],
  ["is empty", Buffer.alloc(0)],
] as const) {
  test(`the program starts also when the kept code ${what}`, async (context) => {
    const copy = await mkdtemp(join(tmpdir(), "compiled-script-"));
    context.after(() => rm(copy, { recursive: true }));
    await cp(join(root, "bin"), join(copy, "bin"), { recursive: true });
    await cp(join(root, "dist/codex.cjs"), join(copy, "dist/codex.cjs"));
    await writeFile(join(copy, "dist/codex.cache"), kept);
    assert.match(await versionOf(copy), /^\d+\.\d+\.\d+\n$/);
    await rm(join(copy, "dist/codex.cache"));
    assert.match(await versionOf(copy), /^\d+\.\d+\.\d+\n$/);
  });
}

async function versionOf(place: string): Promise<string> {
  const argv = [join(place, "bin/codex.js"), "--version"];
  return (await promisify(execFile)(process.execPath, argv)).stdout;
}
