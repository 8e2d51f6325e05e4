// Bundles the program into dist/, because a bundle starts several times faster than the same modules
// looked up one by one: the program as one script, whose compiled code lies beside it, with the
// libraries that few servers need as files of their own; the library for others as modules.
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

const program = "src/commands/main.ts";
const helper = "src/fs-helper/main.ts";
const fileThread = "src/environment/local/files/trees/file-thread-main.ts";
const library = "src/client/library.ts";

/** Loaded by the first that needs one: they are larger than all the rest, and many never do. */
const rarelyNeeded = ["execa", "jose", "pino", "prom-client", "undici"];

/**
 * Parts of Node that are loaded when something of them is used: a server would answer its first
 * client 4 ms later by them, and needs them afterwards or never.
 */
const partsOfNode = ["fs/promises", "https", "tls", "zlib"];
const whenUsed = (name) => {
  const members = Object.keys(process.getBuiltinModule(name));
  const getters = members.map((member) => `get ${member}() { return part().${member}; },`);
  return `let known;
    const part = () => (known ??= process.getBuiltinModule("node:${name}"));
    module.exports = { ${getters.join("")} };`;
};

const { optionalDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const KOFFI_VERSION = JSON.stringify(optionalDependencies.koffi);

/**
 * Packages in CommonJS ask for Node's modules by `require`, which a module does not have. Where a
 * program bundles the library as a script, it has no URL of a module, but the name of its file.
 */
const requireForPackages =
  'import { createRequire as requireMaker } from "node:module";' +
  'import { pathToFileURL as urlOfPath } from "node:url";' +
  "const thisModule = import.meta.url ?? urlOfPath(__filename).href;" +
  "const require = requireMaker(thisModule);";

/** A script does not know where it lies as a module does; seldom does anything ask. */
const urlForScript =
  'const thisScript = { get url() { return require("node:url").pathToFileURL(__filename).href; } };';

/** What a CommonJS module is to Node. To put it around the text at each start would take 1 ms. */
const moduleFunction = {
  banner: { js: `(function (exports, require, module, __filename, __dirname) {${urlForScript}` },
  footer: { js: "})" },
};

const shared = {
  bundle: true,
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
  // A native library is loaded from where it was installed; the bundler only in a checkout.
  external: ["koffi", "esbuild"],
};

/** Optional native parts of ws: one in which we stand in, one that Node has made superfluous. */
const partsOfWs = {
  alias: { bufferutil: "./src/server/socket/frame-mask.ts" },
  define: { "process.env.WS_NO_BUFFER_UTIL": '""', "process.env.WS_NO_UTF_8_VALIDATE": '"1"' },
};

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
try {
  const [packages] = await Promise.all([bundleAll(), declareLibrary()]);
  writeFileSync("dist/THIRD-PARTY-LICENSES", licensesOf(packages));
  await keepCompiled();
} catch (error) {
  // Half a program would be started in place of the sources.
  rmSync("dist", { recursive: true, force: true });
  process.stderr.write(`${error.stdout ?? ""}${error.message}\n`);
  process.exitCode = 1;
}

/** Returns the names of the packages that are inside. */
async function bundleAll() {
  const parts = [bundleProgram(), bundlePackages(), bundleLibrary(), bundleHelpers()];
  const results = await Promise.all(parts);
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//;
  return [...new Set(inputs.map((path) => name.exec(path)?.[1]).filter(Boolean))].sort();
}

/** One script: what modules say of each other is not looked up again at each start. */
function bundleProgram() {
  return build({
    ...shared,
    ...partsOfWs,
    entryPoints: { codex: program },
    format: "cjs",
    outExtension: { ".js": ".cjs" },
    supported: { "dynamic-import": false },
    define: { ...partsOfWs.define, "import.meta.url": "thisScript.url", KOFFI_VERSION },
    ...moduleFunction,
    plugins: [
      { name: "for-later", setup: leaveForLater },
      { name: "quick-koffi", setup: findKoffiQuickly },
    ],
  });
}

/** The program requires as the script that starts it does, which lies in another folder. */
function leaveForLater(bundler) {
  const filter = new RegExp(`^(${rarelyNeeded.join("|")})$`);
  const later = ({ path }) => ({ path: `../dist/packages/${path}.cjs`, external: true });
  bundler.onResolve({ filter }, later);
  const namespace = "when-used";
  const parts = { filter: new RegExp(`^(node:)?(${partsOfNode.join("|")})$`) };
  bundler.onResolve(parts, ({ path }) => ({ path: path.replace("node:", ""), namespace }));
  bundler.onLoad({ filter: /./, namespace }, ({ path }) => ({ contents: whenUsed(path) }));
}

function findKoffiQuickly(bundler) {
  const quick = resolve("test/support/quick-koffi.cjs");
  bundler.onResolve({ filter: /^koffi$/ }, ({ path, importer }) =>
    importer === quick ? { path, external: true } : { path: quick },
  );
}

function bundlePackages() {
  const { sourcemap: _, sourcesContent: __, ...options } = shared;
  return build({
    ...options,
    entryPoints: rarelyNeeded,
    outdir: "dist/packages",
    format: "cjs",
    outExtension: { ".js": ".cjs" },
  });
}

/** Modules, because programs import it; what they use on demand is loaded on demand. */
function bundleLibrary() {
  return build({
    ...shared,
    ...partsOfWs,
    entryPoints: { library },
    format: "esm",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    banner: { js: requireForPackages },
    define: { ...partsOfWs.define, "import.meta.url": "thisModule" },
    // Node shows the whole line that threw above the message of an error that nobody catches.
    minifyWhitespace: false,
  });
}

/**
 * Self-contained files: inside a sandbox the helper may be the only one of ours that can be read,
 * and a thread for file work starts with nothing else.
 */
async function bundleHelpers() {
  const bundled = await build({
    ...shared,
    entryPoints: { "fs-helper": helper, "file-thread": fileThread },
    format: "cjs",
    outExtension: { ".js": ".cjs" },
    packages: "external",
  });
  const packages = new Set(
    Object.values(bundled.metafile.outputs)
      .flatMap((output) => output.imports)
      .map((imported) => imported.path)
      .filter((path) => !path.startsWith("node:")),
  );
  if (packages.size > 0) {
    throw new Error(`helpers must load no package, but would load: ${[...packages].join(", ")}`);
  }
  return bundled;
}

/**
 * Runs the programs once, to keep what V8 has compiled by the time the first work of a client has
 * been done: the first request of a kind takes half as long, and the start about 1 % longer. What
 * other servers keep among the temporary files of this machine is not their business.
 */
async function keepCompiled() {
  const TMPDIR = mkdtempSync(join(tmpdir(), "codex-build-"));
  const options = { timeout: 60_000, env: { ...process.env, TMPDIR } };
  try {
    await promisify(execFile)(process.execPath, ["test/support/keep-compiled.cjs"], options);
    const helper = ["test/support/keep-helper.cjs", "dist/fs-helper.cjs"];
    await promisify(execFile)(process.execPath, helper, options);
  } finally {
    rmSync(TMPDIR, { recursive: true, force: true });
  }
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

/** The compiler declares all that the library is made of, most of which its users never meet. */
async function declareLibrary() {
  const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"];
  const places = ["--rootDir", "src", "--outDir", "dist/declared"];
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "test/support/tsconfig.types.json"];
  await promisify(execFile)(process.execPath, [...tsc, ...options, ...places]);
  const entry = library.replace(/^src(.*)ts$/, "dist/declared$1d.ts");
  for (const file of withImported(entry)) cpSync(file, file.replace("declared", "types"));
  rmSync("dist/declared", { recursive: true });
}

/** The declarations in this file, and in all that it imports. */
function withImported(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, "utf8").matchAll(/["'](\.{1,2}\/[^"']*)\.ts["']/g)) {
    withImported(join(file, "..", `${path}.d.ts`), found);
  }
  return found;
}
