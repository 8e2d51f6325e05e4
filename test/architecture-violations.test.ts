import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { jointChecks, sourceChecks, styleChecks } from "./support/architecture.ts";
import { readSources, type Sources } from "./support/architecture-sources.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const checks = { ...styleChecks, ...jointChecks, ...sourceChecks };
type Rule = keyof typeof checks;
/** Text by path. */
type Tree = Readonly<Record<string, string>>;

/** Made-up trees, each with what the check says of it. */
const violations: readonly (readonly [Rule, Tree, RegExp])[] = [
  [
    "files are at most 250 lines long",
    { "server/a.ts": "const a = 1;\n".repeat(251) },
    /^server\/a\.ts: has 251 lines of 250/,
  ],
  [
    "lines are at most 100 columns wide",
    { "server/a.ts": `\n// ${"a".repeat(98)}\n` },
    /^server\/a\.ts:2: has 101 columns of 100/,
  ],
  ["no file is called index.ts", { "server/index.ts": "" }, /^server\/index\.ts: .*name the file/],
  banned("export default 1;", "export default"),
  banned("export { a as default };", "as default"),
  banned('export * from "./b.ts";', "export \\*"),
  banned("function a(b: any) {}", "any"),
  banned("const a = b as Map<string, any>;", "any"),
  banned("export const enum A { b }", ".*enum A"),
  banned("namespace A { }", "namespace A"),
  banned("console.log(1);", "console\\."),
  banned(`// ${"TO"}DO: later`, "TO.O"),
  banned(`const a = "${"/ro"}ot/b";`, "/root"),
  ...imports("server/a.ts", "../client/b.ts", "server may not import client/b.ts"),
  ...imports("server/a.ts", "../environment/remote/b.ts", "server may not import"),
  ...imports("protocol/a.ts", "../environment/b.ts", "protocol may not import"),
  ...imports("limits.ts", "./protocol/b.ts", "it may import nothing"),
  ...imports("server/a.ts", "zod", "server may not load the package zod"),
  ...imports("server/a.ts", "@scope/name/part", "the package @scope/name; it may import"),
  ...imports("handlers/a.ts", "../protocol/errors.ts", "only types of protocol; write import type"),
  ...imports("fs-helper/main.ts", "../environment/local/processes.ts", "fs-helper may not import"),
  [
    "rooms import only what the house allows",
    { "tools/a.ts": "" },
    /^tools\/a\.ts: lies in no room/,
  ],
  [
    "rooms form no circle",
    {
      "sandbox/a.ts": 'import "../environment/local/b.ts";',
      "environment/local/b.ts": 'import type { A } from "../../server/c.ts";',
      "server/c.ts": 'export { a } from "../sandbox/a.ts";',
    },
    /^rooms environment\/local -> server -> sandbox -> environment\/local: form a circle/,
  ],
  [
    "folders form no circle",
    {
      "sandbox/a.ts": 'import type { B } from "./policy/b.ts";',
      "sandbox/policy/b.ts": 'import type { A } from "../a.ts";',
    },
    /^folders sandbox -> sandbox\/policy -> sandbox: form a circle/,
  ],
  [
    "functions have at most 40 lines and 3 parameters",
    { "server/a.ts": `\nexport function b(): { c: 1 } {\n${"d();\n".repeat(39)}}\n` },
    /^server\/a\.ts:2: function of 41 lines of 40/,
  ],
  [
    "functions have at most 40 lines and 3 parameters",
    { "server/a.ts": `class A {\n  async #b() {\n${"c();\n".repeat(39)}  }\n}\n` },
    /^server\/a\.ts:2: function of 41 lines of 40/,
  ],
  [
    "functions have at most 40 lines and 3 parameters",
    { "server/a.ts": `function a(): () => Promise<b> {\n${"c();\n".repeat(39)}}\nd();\n` },
    /^server\/a\.ts:1: function of 41 lines of 40/,
  ],
  [
    "functions have at most 40 lines and 3 parameters",
    { "server/a.ts": `const a = () => ({\n${"b: 1,\n".repeat(39)}});\n` },
    /^server\/a\.ts:1: function of 41 lines of 40/,
  ],
  ...[
    "function a<T>(b: [T, T], c: () => void, d = 1, e?: string) {}",
    "const a = (b, c, d, e) => b;",
  ]
    .concat("class A {\n  constructor(b: Map<string, 1>, c: 2, d: 3, e: 4) {}\n}")
    .map((text) =>
      violation("functions have at most 40 lines and 3 parameters", text, "4 parameters"),
    ),
  ...["process.env.A;", "f(process . argv)", "process.exit(1);", 'process["env"];']
    .concat("const { env } = process;", 'import { env } from "node:process";')
    .map((text) =>
      violation("only commands/ meet arguments, environment and exit", text, "for commands/ only"),
    ),
  ...["node:child_process", "execa", "koffi", "cluster"].flatMap((name) =>
    ['import { a } from "%";', 'await import("%");', 'createRequire(b)("%"); require("%");'].map(
      (text) =>
        violation(
          "only the spawn files and the helper pool start processes",
          text.replaceAll("%", name),
          "use the Spawner",
        ),
    ),
  ),
  [
    "only server/ and client/ know WebSockets",
    { "commands/a.ts": 'import { WebSocket } from "ws";' },
    /^commands\/a\.ts:1: imports ws; only server\/ and client\//,
  ],
  [
    "handlers decide nothing",
    { "handlers/a.ts": "\nif (a) b();" },
    /^handlers\/a\.ts:2: if in a handler/,
  ],
  [
    "the fs-helper loads no package",
    {
      "fs-helper/main.ts": 'import { a } from "../protocol/a.ts";',
      "protocol/a.ts": '\nimport { type A } from "zod";',
    },
    /^protocol\/a\.ts:2: loads zod .* \(fs-helper\/main\.ts -> protocol\/a\.ts\)/,
  ],
  [
    "no way to the disk leads around the sandbox",
    { "environment/local/a.ts": 'import { a } from "./files/direct-file-system.ts";' },
    /^environment\/local\/a\.ts:1: reaches the disk by .* around the sandbox/,
  ],
  [
    "what a file exports is used by another",
    {
      "server/a.ts": "\nexport const b = 1;\nexport async function c() {}",
      "server/d.ts": 'import { c } from "./a.ts";\nc();',
      "server/e.ts": "const b = 2;",
    },
    /^server\/a\.ts:2: exports b, which no other file uses/,
  ],
  reachability('import "./b.ts";', "imports ./b.ts, which is not there"),
  reachability("await import(name);", "imports a computed name"),
  [
    "every file is reached from an entry",
    { "commands/main.ts": "", "server/a.ts": "" },
    /^server\/a\.ts: cannot be reached from commands\/main\.ts/,
  ],
];

for (const [rule, tree, message] of violations) {
  const [path = "", text = ""] = Object.entries(tree)[0] ?? [];
  const shown = text.trim().slice(0, 60).replaceAll("\n", " ");
  test(`"${rule}" fails for ${path}: ${shown}`, (t) => {
    const found = checks[rule](sourcesOf(t, tree));
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", message);
  });
}

/** Words in comments, strings and regular expressions, and what only looks like a violation. */
const harmless: Tree = {
  "commands/main.ts": `
    import { run } from "../server/a.ts";
    // process.env, console.log, import "./nowhere.ts", and any enum of a namespace
    run(process.env, process.argv);
    await import("../server/b.ts");`,
  "server/a.ts": `
    import type { A } from "../protocol/a.ts";
    const text = "import('koffi'); process.exit(1)" + 'export default' + \`\${\`}\`}console.log\`;
    const pattern = a / b + c(/"[/"]process.env/g) / 2;
    const first = await Promise.any([AbortSignal.any([])]);
    /* export * from "./nowhere.ts" */ const process_ = request.process.env;
    export const run = (one: (a: 1, b: 2) => void, two: Map<1, 2>, three: [1, 2]) => one;`,
  "server/b.ts": 'export { run } from "./a.ts";\nimport WebSocket from "ws";',
  "protocol/a.ts": 'import { z } from "zod";\nimport { limit } from "../limits.ts";',
  "limits.ts": "export const limit = 1;\nfunction end(process: Child) { process.exit(limit); }",
  "fs-helper/main.ts": 'import type { A } from "../protocol/a.ts";\nimport fs from "node:fs";',
};

for (const [rule, check] of Object.entries(checks)) {
  test(`"${rule}" has nothing to say about harmless sources`, (t) => {
    assert.deepEqual(check(sourcesOf(t, harmless)), []);
  });
}

test("every rule is seen to fail", () => {
  const seen = new Set<string>(violations.map(([rule]) => rule));
  assert.deepEqual(
    Object.keys(checks).filter((rule) => !seen.has(rule)),
    [],
  );
});

type Row = readonly [Rule, Tree, RegExp];

function violation(rule: Rule, text: string, message: string): Row {
  return [rule, { "server/a.ts": text }, new RegExp(message)];
}

function banned(text: string, found: string): Row {
  return ["banned constructs are absent", { "server/a.ts": text }, new RegExp(`:1: ${found}.*; `)];
}

function imports(path: string, specifier: string, message: string): Row[] {
  const rule = "rooms import only what the house allows";
  const text = `import { a } from "${specifier}";`;
  return [[rule, { [path]: text }, new RegExp(`^${path}:1: .*${message}`)]];
}

function reachability(text: string, message: string): Row {
  const rule = "every file is reached from an entry";
  return [rule, { "commands/main.ts": text }, new RegExp(`^commands/main.ts:1: ${message}`)];
}

function sourcesOf(t: { after(done: () => void): void }, tree: Tree): Sources {
  const folder = temporaryFolder(t, "architecture");
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return readSources(folder);
}
