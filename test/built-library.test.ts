import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
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
  test(`a program that esbuild minifies as ${format} works, and knows errors by their names`, async (t) => {
    const folder = temporaryFolder(t, "bundled");
    const program = `import { localEnvironment } from "codex-exec-server";
      (async () => {
        const machine = await localEnvironment();
        console.log((await machine.run(["echo", "bundled"])).stdout.trim());
        await machine.files.read("/proc/absent").catch(({ name }) => console.log(name));
        await machine.run(["/proc/absent"]).catch(({ name }) => console.log(name));
        await machine.close();
        await machine.check().catch(({ name }) => console.log(name));
      })();`;
    const outfile = join(folder, format === "cjs" ? "program.cjs" : "program.mjs");
    await build({
      stdin: { contents: program, resolveDir: root },
      outfile,
      format,
      bundle: true,
      minify: true,
      platform: "node",
      logLevel: "silent",
    });
    const { stdout, stderr } = await execa("node", [outfile], { cwd: folder, ...once });
    const names = ["NotFoundError", "OperationFailedError", "SessionLostError"];
    assert.deepEqual([stdout.split("\n"), stderr], [["bundled", ...names], ""]);
  });
}

for (const [how, end] of Object.entries({ "by itself": "", "by an exit": "process.exit();" })) {
  test(`a worker thread that ends ${how} while its machine is open harms nobody`, async () => {
    const thread = `import("codex-exec-server").then(async ({ localEnvironment }) => {
      const machine = await localEnvironment();
      await machine.run(["true"]);
      ${end}
    });`;
    const program = `import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      const thread = new Worker(${JSON.stringify(thread)}, { eval: true });
      console.log(await once(thread, "exit"));`;
    const { stdout, stderr, exitCode, signal } = await execa(
      "node",
      ["--input-type=module", "--eval", program],
      { cwd: root, ...once },
    );
    assert.deepEqual([stdout, stderr, exitCode, signal], ["[ 0 ]", "", 0, undefined]);
  });
}

/** How a program can have its modules looked up, with the modules that go with it. */
const lookups = { nodenext: "nodenext", node16: "node16", bundler: "esnext" };

for (const [lookup, module] of Object.entries(lookups)) {
  test(`a strict program (${lookup}) needs Node's types and exactly those of the package`, async (t) => {
    const folder = installed(t);
    const program = `import { connect, type Environment } from "codex-exec-server";
      await using machine: Environment = await connect("ws://127.0.0.1:1");
      // @ts-expect-error: what could not be looked up would be of any type, and pass.
      const none: number = machine;
      void none;\n`;
    writeFileSync(join(folder, "program.mts"), program);
    const looked = ["--target", "es2022", "--module", module, "--moduleResolution", lookup];
    const options = ["--strict", "--noEmit", "--types", "node", ...looked, "--listFiles"];
    const tsc = join(root, "node_modules/.bin/tsc");
    const { stdout } = await execa(tsc, [...options, "program.mts"], { cwd: folder, ...once });
    const lines = stdout.split("\n");
    const complaints = lines.filter((line) => !line.startsWith("/"));
    assert.deepEqual(complaints, []);
    const place = join(folder, "node_modules/codex-exec-server/dist/types");
    const used = lines.filter((line) => line.startsWith(place));
    assert.deepEqual(used.sort(), filesIn(place).sort());
  });
}

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((file) => join(file.parentPath, file.name));

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
