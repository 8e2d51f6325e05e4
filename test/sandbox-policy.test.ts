import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HostPath } from "../src/protocol/path-uri.ts";
import { type Sandbox, sandbox as schema } from "../src/protocol/sandbox.ts";
import { accessTable, isWithin } from "../src/sandbox/access.ts";
import {
  escapedGlob,
  globExpression,
  isLiteral,
  literalText,
  splitGlob,
} from "../src/sandbox/glob.ts";
import { globsIn } from "../src/sandbox/glob-syntax.ts";
import {
  confinesNothing,
  needsCwd,
  policyOf,
  readsEverything,
  writesEverything,
} from "../src/sandbox/policy.ts";
import { type Entry, glob, place, sandboxOf, special } from "./support/sandboxes.ts";

const path = (text: string) => text as HostPath;
const surroundings = {
  cwd: path("/cwd"),
  home: path("/home/u"),
  temporaryDirectory: path("/var/tmp/t"),
};

/** Rules as `access path`, protected names in short. */
function rules(sandbox: Sandbox): string[] {
  return policyOf(schema.parse(sandbox), surroundings).rules.map(({ path: at, access, origin }) =>
    origin === "protected" ? `kept ${at}` : `${access} ${at}`,
  );
}

const kept = (root: string) =>
  [".agents", ".aws", ".codex", ".git"].map((name) => `kept ${root}/${name}`);

const roots = { workspaceRoots: ["file:///w"] };
const meanings: [title: string, sandbox: Sandbox, expected: string[]][] = [
  ["reading everything", sandboxOf([special("root", "read")]), ["read /"]],
  [
    "a writable place keeps its protected names",
    sandboxOf([special("root", "read"), place("/w", "write")]),
    ["read /", "write /w", ...kept("/w")],
  ],
  [
    "a trailing slash means nothing",
    sandboxOf([place("/w/", "write")]),
    ["write /w", ...kept("/w")],
  ],
  ["dots are resolved", sandboxOf([place("/w/x/../y/.", "read")]), ["read /w/y"]],
  ["needless escapes are undone", sandboxOf([place("/%77/%79", "read")]), ["read /w/y"]],
  [
    "double slashes and localhost",
    sandboxOf([place("file://localhost//w//y", "read")]),
    ["read /w/y"],
  ],
  [
    "writing beats reading, whatever comes first",
    sandboxOf([place("/w", "write"), place("/w", "read")]),
    ["write /w", ...kept("/w")],
  ],
  [
    "denying beats both, and all that is below",
    sandboxOf([place("/w/a/b", "read"), place("/w/a", "none"), place("/w/a", "write")]),
    ["deny /w/a"],
  ],
  [
    "a denied root is no root entry",
    sandboxOf([special("root", "read"), special("root", "deny"), place("/w", "read")]),
    ["read /w"],
  ],
  [
    "project roots are the workspace roots",
    sandboxOf([special("project_roots", "write")], roots),
    ["write /w", ...kept("/w")],
  ],
  [
    "the working directory alone is no project root",
    sandboxOf([special("project_roots", "write")], { cwd: "file:///w" }),
    [],
  ],
  [
    "the old name of project roots",
    sandboxOf([special("current_working_directory", "read")], roots),
    ["read /w"],
  ],
  [
    "a subpath of project roots",
    sandboxOf([special("project_roots", "read", "a/../b")], roots),
    ["read /w/b"],
  ],
  [
    "the context wins over what is beside it",
    sandboxOf([special("project_roots", "read")], {
      ...roots,
      policyContext: { workspaceRoots: ["file:///v"] },
    }),
    ["read /v"],
  ],
  [
    "folders for temporary files",
    sandboxOf([special("tmpdir", "read"), special("slash_tmp", "read")]),
    ["read /tmp", "read /var/tmp/t"],
  ],
  ["an unknown kind grants nothing", sandboxOf([special("unknown", "write")]), []],
  [
    "an entry for a protected name decides about it",
    sandboxOf([place("/w", "write"), place("/w/.git", "write")]),
    ["write /w", "kept /w/.agents", "kept /w/.aws", "kept /w/.codex", "write /w/.git"],
  ],
  [
    "a writable root of everything has no protected names",
    sandboxOf([special("root", "write")]),
    ["write /"],
  ],
  ["a pattern grants nothing", sandboxOf([glob("/w/**", "write")]), []],
  ["nothing asked for", { permissions: { type: "disabled" }, windowsSandboxLevel: "disabled" }, []],
];

for (const [title, sandbox, expected] of meanings) {
  test(`policy: ${title}`, () => assert.deepEqual(rules(sandbox), expected));
}

test("policy: protected names that may be skipped when missing are protected all the same", () => {
  const entry = { ...special("project_roots", "read", ".git"), missing_path_behavior: "skip" };
  const entries = [special("project_roots", "write"), entry];
  const { rules: found } = policyOf(sandboxOf(entries, roots), surroundings);
  assert.equal(found.find((rule) => rule.path === "/w/.git")?.skipMissing, false);
});

test("policy: patterns hang off the working directory and the home", () => {
  const entries = [glob("*.key"), glob("~/x/**"), glob("/a/b?")];
  const { denyGlobs } = policyOf(sandboxOf(entries, { cwd: "file:///w" }), surroundings);
  assert.deepEqual(denyGlobs, ["/a/b?", "/home/u/x/**", "/w/*.key"]);
  assert.equal(needsCwd(sandboxOf([glob("/a/*")])), false);
  assert.equal(needsCwd(sandboxOf([glob("*.key")])), true);
});

const reach: [
  title: string,
  entries: Entry[],
  reads: boolean,
  writes: boolean,
  nothing: boolean,
][] = [
  ["root write", [special("root", "write")], true, true, false],
  ["root read", [special("root", "read")], true, false, false],
  [
    "root write with a denial",
    [special("root", "write"), place("/x", "deny")],
    false,
    false,
    false,
  ],
  [
    "root write with a carve-out",
    [special("root", "write"), place("/x", "read")],
    true,
    false,
    false,
  ],
  ["root read with a denied pattern", [special("root", "read"), glob("/x/*")], false, false, false],
  ["one place", [place("/x", "write")], false, false, false],
];
for (const [title, entries, reads, writes, nothing] of reach) {
  test(`policy: what a helper is needed for under ${title}`, () => {
    const policy = policyOf(sandboxOf(entries), surroundings);
    assert.deepEqual(
      [readsEverything(policy), writesEverything(policy), confinesNothing(policy)],
      [reads, writes, nothing],
    );
  });
}

test("policy: writing everywhere with the network confines nothing", () => {
  const open = sandboxOf([special("root", "write")], { network: "enabled" });
  assert.equal(confinesNothing(policyOf(open, surroundings)), true);
});

test("policy: a sandbox of another system is refused", () => {
  const foreign = { ...sandboxOf([]), windowsSandboxLevel: "mxc" as const };
  assert.throws(() => policyOf(foreign, surroundings), /native MXC is unavailable/);
  assert.throws(
    () => policyOf(sandboxOf([place("file:///C:/x", "read")]), surroundings),
    /invalid on/,
  );
});

const decisions: [at: string, access: string][] = [
  ["/", "none"],
  ["/w", "write"],
  ["/w/a/b", "write"],
  ["/w/locked/x", "read"],
  ["/w/locked/open/x", "write"],
  ["/w/secret", "deny"],
  ["/w/secret/deep/x", "deny"],
  ["/w/a.key", "deny"],
  ["/w/a.key/below", "deny"],
  ["/wx", "none"],
];
for (const [at, access] of decisions) {
  test(`access: ${at} is ${access}`, () => {
    const table = accessTable({
      rules: [
        { path: path("/w"), access: "write" },
        { path: path("/w/locked"), access: "read" },
        { path: path("/w/locked/open"), access: "write" },
        { path: path("/w/secret"), access: "deny" },
      ],
      denyGlobs: ["/w/**/*.key"],
    });
    assert.equal(table.accessTo(path(at)), access);
    assert.equal(table.leadsToGrant(path("/")), true);
  });
}

const patterns: [pattern: string, matching: string[], others: string[]][] = [
  ["/a/*.key", ["/a/x.key", "/a/.key"], ["/a/b/x.key", "/a/x.keys"]],
  ["/a/**/*.key", ["/a/x.key", "/a/b/c/x.key"], ["/b/x.key", "/a/bx.keys"]],
  ["/a/**/b/**/c", ["/a/b/c", "/a/x/b/y/c"], ["/a/c", "/a/xb/c"]],
  ["/a/**", ["/a/x", "/a/x/y"], ["/b"]],
  ["/a/x**/y", ["/a/x/y", "/a/xx/z/y"], ["/a/y"]],
  ["/a/****/x", ["/a/x", "/a/b/c/x"], ["/a/xx"]],
  ["/a/?", ["/a/x", "/a/\u00e9", "/a/\u{1f511}"], ["/a/xy", "/a//"]],
  ["/a/[a-c]", ["/a/b"], ["/a/d"]],
  ["/a/[!a]", ["/a/b", "/a/\u00e9"], ["/a/a", "/a//"]],
  ["/a/[]^-]", ["/a/]", "/a/^", "/a/-"], ["/a/a"]],
  ["/a/{x,y*}", ["/a/x", "/a/yz"], ["/a/z"]],
  ["/a/{x,{y,z/{1,2}}k}.key", ["/a/x.key", "/a/yk.key", "/a/z/2k.key"], ["/a/y.key", "/a/z.key"]],
  ["/a/{,b}*.key", ["/a/x.key", "/a/bx.key"], ["/a/b/x.key"]],
  ["/a/[{]x,y}*", ["/a/{x,y}", "/a/{x,y}z"], ["/a/x"]],
  ["/a/\\*\\{*", ["/a/*{", "/a/*{b"], ["/a/x{"]],
  ["/a/x,y*", ["/a/x,yz"], ["/a/x"]],
  ["/a/x}*", ["/a/x}"], ["/a/x"]],
  ["/a.b*", ["/a.b"], ["/axb"]],
  ["/x/../a/./b//*.key/", ["/a/b/c.key"], ["/x/../a/b/c.key", "/a/b/c.key/"]],
];
const inBytes = (text: string) => Buffer.from(text, "utf8").toString("latin1");
for (const [pattern, matching, others] of patterns) {
  test(`glob: ${pattern}`, () => {
    const globs = globsIn(pattern, path("/cwd"));
    const isMatch = (text: string) =>
      globs.some((glob) => globExpression(glob).test(inBytes(text)));
    for (const text of matching) assert.ok(isMatch(text), text);
    for (const text of others) assert.ok(!isMatch(text), text);
    for (const text of matching) {
      assert.ok(globs.some((glob) => isWithin(text, splitGlob(glob).base)));
    }
  });
}

const refused: [pattern: string, why: RegExp][] = [
  ["/a/[[:alpha:]]", /a named class/],
  ["/a/[", /a bracket that is not closed/],
  ["/a/{b,{c}", /a brace that is not closed/],
  ["/a/b\\", /a backslash at its end/],
  ["/a/[\\]]", /a slash or backslash in brackets/],
  ["/a/[a/]", /a slash or backslash in brackets/],
  ["/a/[\u00e9]", /not ASCII/],
  ["/a/[z-a]", /the range z-a/],
  ["/a/*/../b", /`..` behind a name/],
  ["/a/{b*,c}/../d", /`..` behind a name/],
  [`/a${"/{b,c}".repeat(9)}/*`, /more than 256 alternatives/],
];
for (const [pattern, why] of refused) {
  test(`glob: ${pattern} is refused, with the reason`, () => {
    const policy = () => policyOf(sandboxOf([glob(pattern)]), surroundings);
    assert.throws(policy, { code: -32602, message: why });
  });
}

test("glob: what a pattern matches does not depend on how it is looked for", () => {
  const text = fc.stringMatching(/^(?:\/[ab]{0,4}){1,5}$/);
  const piece = fc.constantFrom("a", "b", "*", "?", "**", "/", "/**/", "/*/", "[!a]");
  const pattern = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`);
  fc.assert(
    fc.property(text, pattern, (candidate, written) => {
      const [found = ""] = globsIn(written, path("/"));
      const all = found
        .replace(/\*\*+/g, "S")
        .replace(/(?<=\/)S\//g, "D")
        .replaceAll("*", "[^/]*")
        .replaceAll("?", "[^/]")
        .replaceAll("[!a]", "[^/a]")
        .replaceAll("S", ".*")
        .replaceAll("D", "(?:.*/)?");
      const expected = new RegExp(`^${all}$`, "s").test(candidate);
      assert.equal(globExpression(found).test(candidate), expected, found);
    }),
    { numRuns: 3000 },
  );
});

test("glob: a pattern full of stars is matched without trying all ways", () => {
  const name = `/${"a/".repeat(1500)}${"a".repeat(255)}`;
  const stars = globExpression(`/${"**/a*".repeat(30)}${"a*?".repeat(30)}b`);
  assert.doesNotMatch(name, stars);
  assert.match(`${name}b`, stars);
});

test("glob: a working directory with special characters stands for itself", () => {
  const [found = ""] = globsIn("*.key", path("/w/[a]{b,c}*"));
  assert.match("/w/[a]{b,c}*/x.key", globExpression(found));
  assert.equal(splitGlob(found).base, "/w/[a]{b,c}*");
});

test("policy: a pattern that matches one path only is a denial of it", () => {
  const sandbox = sandboxOf([special("root", "read"), glob("x/{a,\\*}"), glob("/b/*")], {
    cwd: "file:///w",
  });
  assert.deepEqual(rules(sandbox), ["read /", "deny /w/x/*", "deny /w/x/a"]);
  assert.deepEqual(policyOf(sandbox, surroundings).denyGlobs, ["/b/*"]);
});

test("glob: any text is a pattern or refused, and escaped it matches itself alone", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        for (const found of globsIn(text, path("/"))) globExpression(found);
      } catch (error) {
        assert.match(`${error}`, /not supported/);
      }
    }),
  );
  const names = fc.stringMatching(/^[a-z*?[\]{}\\,!-]+$/);
  fc.assert(
    fc.property(names, (name) => {
      const [found = ""] = globsIn(`/${escapedGlob(name).replaceAll(",", "\\,")}`, path("/"));
      assert.ok(isLiteral(found));
      assert.equal(literalText(found), `/${name}`);
      assert.match(`/${name}`, globExpression(found));
    }),
  );
});
