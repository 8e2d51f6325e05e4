import assert from "node:assert/strict";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { execa } from "execa";
import { temporaryFolder } from "./support/temporary-folder.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const once = { reject: false, timeout: 30_000 };

test("an error that a program does not catch shows its message, not the whole library", async () => {
  const program = `import { connect } from "codex-exec-server"; await connect("ws://127.0.0.1:1");`;
  const shown = await execa("node", ["--input-type=module", "--eval", program], {
    cwd: root,
    ...once,
  });
  assert.match(shown.stderr, /^ConnectionError: websocket ws:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/m);
  const longest = Math.max(...shown.stderr.split("\n").map((line) => line.length));
  assert.ok(longest < 500, `a line of ${longest} characters`);
});

for (const format of ["cjs", "esm"] as const) {
  test(`a program that esbuild bundles as ${format} works with the library in it`, async (t) => {
    const folder = temporaryFolder(t, "bundled");
    const program = `import { localEnvironment } from "codex-exec-server";
      (async () => {
        const machine = await localEnvironment();
        console.log((await machine.run(["echo", "bundled"])).stdout.trim());
        await machine.close();
      })();`;
    const outfile = join(folder, format === "cjs" ? "program.cjs" : "program.mjs");
    await build({
      stdin: { contents: program, resolveDir: root },
      outfile,
      format,
      bundle: true,
      platform: "node",
      logLevel: "silent",
    });
    const { stdout, stderr } = await execa("node", [outfile], { cwd: folder, ...once });
    assert.deepEqual([stdout, stderr], ["bundled", ""]);
  });
}

test("a strict program needs no types but Node's and those that come with the package", async (t) => {
  const folder = installed(t);
  const options = ["--strict", "--noEmit", "--module", "nodenext", "--types", "node"];
  const program = `import { connect } from "codex-exec-server";\nvoid connect("ws://127.0.0.1:1");\n`;
  writeFileSync(join(folder, "program.mts"), program);
  const tsc = join(root, "node_modules/.bin/tsc");
  const { stdout } = await execa(tsc, [...options, "program.mts"], { cwd: folder, ...once });
  assert.equal(stdout, "");
});

/** A folder with the package and what npm installs beside it, but nothing that only we need. */
function installed(t: TestContext): string {
  const folder = temporaryFolder(t, "installed");
  const place = join(folder, "node_modules/codex-exec-server");
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  cpSync(join(root, "dist/types"), join(place, "dist/types"), { recursive: true });
  cpSync(join(root, "package.json"), join(place, "package.json"));
  for (const name of ["zod", "ws", "@types/node", "undici-types"]) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  return folder;
}
