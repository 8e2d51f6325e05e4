// Bundles the program into dist/: one file per entry, with its libraries inside, because a bundle
// starts several times faster than the same modules looked up one by one.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

const program = "src/commands/main.ts";
const helper = "src/fs-helper/main.ts";
const library = "src/client/library.ts";

/** Packages in CommonJS ask for Node's modules by `require`, which a module does not have. */
const requireForPackages =
  'import { createRequire as requireMaker } from "node:module";' +
  "const require = requireMaker(import.meta.url);";

const shared = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  outdir: "dist",
  // Names stay, so that a stack trace can be read.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  sourcemap: "linked",
  sourcesContent: false,
  metafile: true,
  logLevel: "silent",
};

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
try {
  const [bundled] = await Promise.all([bundleProgram(), bundleHelper(), declareLibrary()]);
  writeFileSync("dist/THIRD-PARTY-LICENSES", licensesOf(bundled));
} catch (error) {
  // Half a program would be started in place of the sources.
  rmSync("dist", { recursive: true, force: true });
  process.stderr.write(`${error.stdout ?? ""}${error.message}\n`);
  process.exitCode = 1;
}

/** Parts that are imported on demand become files of their own and are loaded on demand. */
async function bundleProgram() {
  const entryPoints = { codex: program, ...(existsSync(library) && { library }) };
  const { metafile } = await build({
    ...shared,
    entryPoints,
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    // A native library is loaded from where it was installed; the bundler only in a checkout.
    external: ["koffi", "esbuild"],
    banner: { js: requireForPackages },
    // Optional native parts of ws: one in which we stand in, one that Node has made superfluous.
    alias: { bufferutil: "./src/server/frame-mask.ts" },
    define: { "process.env.WS_NO_BUFFER_UTIL": '""', "process.env.WS_NO_UTF_8_VALIDATE": '"1"' },
  });
  return packagesOf(metafile);
}

/** One self-contained file: inside a sandbox it may be the only one of ours that can be read. */
async function bundleHelper() {
  if (!existsSync(helper)) return;
  const entryPoints = { "fs-helper": helper };
  const { metafile } = await build({ ...shared, entryPoints, packages: "external" });
  const packages = new Set(
    Object.values(metafile.outputs)
      .flatMap((output) => output.imports)
      .map((imported) => imported.path)
      .filter((path) => !path.startsWith("node:")),
  );
  if (packages.size > 0) {
    throw new Error(`${helper} must load no package, but would load: ${[...packages].join(", ")}`);
  }
}

function packagesOf(metafile) {
  const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//;
  const names = Object.keys(metafile.inputs).map((path) => name.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

/** What the bundled packages' licences want to be handed on with them. */
function licensesOf(packages) {
  return packages
    .map((name) => {
      const directory = join("node_modules", name);
      const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
      const { version, license } = JSON.parse(
        readFileSync(join(directory, "package.json"), "utf8"),
      );
      const text = file ? readFileSync(join(directory, file), "utf8").trim() : license;
      return `${name} ${version}\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

async function declareLibrary() {
  if (!existsSync(library)) return;
  const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"];
  const places = ["--rootDir", "src", "--outDir", "dist/types"];
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "test/support/tsconfig.types.json"];
  await promisify(execFile)(process.execPath, [...tsc, ...options, ...places]);
}
