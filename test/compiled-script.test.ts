import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Script } from "node:vm";
import { temporaryFolder } from "./support/temporary-folder.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

const { compiledScript, keptPath } = require("../bin/compiled-script.js");
const keptName = join("dist", basename(keptPath));

test("V8 takes the code that the build kept, and so need not compile the program", () => {
  assert.equal(compiledScript().cachedDataRejected, false);
});

/** Another Node whose V8 has the same version. */
const otherNode = 'Object.defineProperty(process, "version", { value: "v20.0.0" });';

test("what another Node has kept is not taken, though its V8 has the same version", () => {
  const path = JSON.stringify(require.resolve("../bin/compiled-script.js"));
  const look = `console.log(require(${path}).compiledScript().cachedDataRejected)`;
  assert.equal(outputOf(["-e", `${otherNode}${look}`]), "undefined\n");
  const helper = JSON.stringify(join(root, "dist/fs-helper.cjs"));
  const spy = `require("node:vm").Script = function (_, { cachedData }) {
    console.log(cachedData?.length);
    process.exit();
  };`;
  assert.match(outputOf(["-e", `${spy}require(${helper})`]), /^\d+\n$/);
  assert.equal(outputOf(["-e", `${otherNode}${spy}require(${helper})`]), "undefined\n");
});

const outputOf = (args: readonly string[]) =>
  spawnSync(process.execPath, args, { encoding: "utf8" }).stdout;

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
    const copy = temporaryFolder(context, "compiled-script");
    await cp(join(root, "bin"), join(copy, "bin"), { recursive: true });
    await cp(join(root, "dist/codex.cjs"), join(copy, "dist/codex.cjs"));
    await writeFile(join(copy, keptName), kept);
    assert.match(await versionOf(copy), /^\d+\.\d+\.\d+\n$/);
    await rm(join(copy, keptName));
    assert.match(await versionOf(copy), /^\d+\.\d+\.\d+\n$/);
  });
}

/** The loader, and what stands in the comments behind it. */
async function helperParts() {
  const whole = await readFile(join(root, "dist/fs-helper.cjs"), "latin1");
  const [loader = "", ...comments] = whole.split("\n//");
  const [source, kept] = comments.map((text) => Buffer.from(text, "base64"));
  assert.ok(source && kept);
  return { loader, source, kept };
}

test("V8 takes the code that stands in the helper's file", async () => {
  const { source, kept } = await helperParts();
  const script = new Script(source.toString("latin1"), { cachedData: kept });
  assert.equal(script.cachedDataRejected, false);
});

test("the helper answers also when the code in its file is that of another V8", async (context) => {
  const { loader, source, kept } = await helperParts();
  const copy = temporaryFolder(context, "compiled-helper");
  const request = '{"operation":"fs/canonicalize","params":{"path":"file:///"}}\n';
  for (const other of [kept, Buffer.alloc(1000, 7), Buffer.alloc(0)]) {
    const comments = [source, other].map((part) => `\n//${part.toString("base64")}`);
    const file = join(copy, "fs-helper.cjs");
    await writeFile(file, `${loader}${comments.join("")}\n`);
    const { stdout } = spawnSync(process.execPath, [file], { input: request, encoding: "utf8" });
    assert.deepEqual(JSON.parse(stdout).payload.response, { path: "file:///" });
  }
});

async function versionOf(place: string): Promise<string> {
  const argv = [join(place, "bin/codex.js"), "--version"];
  return (await promisify(execFile)(process.execPath, argv)).stdout;
}
