import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostPath } from "../src/protocol/path-uri.ts";
import { type Sandbox, sandbox as schema } from "../src/protocol/sandbox.ts";
import { accessTable } from "../src/sandbox/policy/access.ts";
import {
  confinesNothing,
  needsCwd,
  policyOf,
  readsEverything,
  writesEverything,
} from "../src/sandbox/policy/policy.ts";
import { type Entry, glob, place, sandboxOf, special } from "./support/sandboxes.ts";

const path = (text: string) => text as HostPath;
const surroundings = {
  cwd: path("/cwd"),
  home: path("/home/u"),
  temporaryDirectory: path("/var/tmp/t"),
};

/** Rules as `access path`, protected names in short. */
function rules(sandbox: Sandbox): string[] {
  return policyOf(schema().parse(sandbox), surroundings).rules.map(
    ({ path: at, access, origin }) => (origin === "protected" ? `kept ${at}` : `${access} ${at}`),
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

test("policy: a pattern that matches one path only is a denial of it", () => {
  const sandbox = sandboxOf([special("root", "read"), glob("x/{a,\\*}"), glob("/b/*")], {
    cwd: "file:///w",
  });
  assert.deepEqual(rules(sandbox), ["read /", "deny /w/x/*", "deny /w/x/a"]);
  assert.deepEqual(policyOf(sandbox, surroundings).denyGlobs, ["/b/*"]);
});
