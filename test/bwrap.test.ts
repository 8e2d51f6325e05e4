import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostPath } from "../src/protocol/path-uri.ts";
import type { Sandbox } from "../src/protocol/sandbox.ts";
import { type BwrapPlan, bwrapFlags, bwrapMounts } from "../src/sandbox/bwrap/bwrap.ts";
import { confinementOf } from "../src/sandbox/policy/confinement.ts";
import { policyOf } from "../src/sandbox/policy/policy.ts";
import type { Link } from "../src/sandbox/policy/real-path.ts";
import type { Kind, World } from "../src/sandbox/policy/world.ts";
import { glob, place, sandboxOf, special } from "./support/sandboxes.ts";

const path = (text: string) => text as HostPath;

const platform = {
  minimal: [path("/etc"), path("/usr")],
  secrets: [{ path: path("/etc/shadow"), isDirectory: false }],
  runtime: [],
  links: [{ at: path("/bin"), target: path("usr/bin") }],
  controls: [path("/proc/sys")],
};

interface Found {
  /** What is not a directory, by path; protected names are missing unless named. */
  readonly kinds?: Record<string, Kind>;
  readonly real?: Record<string, string>;
  readonly links?: Record<string, Link[]>;
  readonly matches?: World["matches"];
  /** Directories of the server. */
  readonly kept?: HostPath[];
}

function confinement(sandbox: Sandbox, found: Found) {
  const { kinds = {}, real = {}, links = {}, matches = [], kept = [path("/s")] } = found;
  const policy = policyOf(sandbox, { cwd: path("/") });
  const places = policy.rules.map((rule) => ({
    rule,
    real: path(real[rule.path] ?? rule.path),
    kind: kinds[rule.path] ?? (rule.origin === "protected" ? ("missing" as const) : "directory"),
    links: links[rule.path] ?? [],
    nearest: { path: path("/w"), kind: kinds["/w"] ?? ("directory" as const) },
  }));
  const { denyGlobs } = policy;
  const world = { places, denyGlobs, matches, fingerprint: "" };
  return confinementOf({ policy, platform, world, kept });
}

function mounts(sandbox: Sandbox, found: Found = {}, more: Partial<BwrapPlan> = {}): string {
  return bwrapMounts({ ...plan, confinement: confinement(sandbox, found), ...more }).join(" ");
}

const plan: Omit<BwrapPlan, "confinement"> = {
  ownNetwork: true,
  ownProc: true,
  controls: platform.controls,
  masks: { file: path("/s/file"), directory: path("/s/dir") },
  seccompFd: 3,
  commandIsInit: true,
  newSession: true,
  cwd: path("/"),
};

const proc = "--proc /proc --ro-bind /proc/sys /proc/sys";
const base = `--ro-bind / / --dev /dev ${proc}`;
const read = special("root", "read");
const write = place("/w", "write");

const cases: [title: string, sandbox: Sandbox, found: Found, expected: string][] = [
  ["reading everything", sandboxOf([read]), {}, `${base} --chdir /`],
  ["a writable place", sandboxOf([read, write]), {}, `${base} --bind /w /w --chdir /`],
  [
    "a protected name that exists",
    sandboxOf([read, write]),
    { kinds: { "/w/.git": "directory" } },
    `${base} --bind /w /w --ro-bind /w/.git /w/.git --chdir /`,
  ],
  [
    "a file as writable place",
    sandboxOf([read, place("/w/f", "write")]),
    { kinds: { "/w/f": "file" } },
    `${base} --bind /w/f /w/f --chdir /`,
  ],
  [
    "a carve-out comes after what it is cut out of",
    sandboxOf([place("/w/a", "read"), write, read]),
    {},
    `${base} --bind /w /w --ro-bind /w/a /w/a --chdir /`,
  ],
  [
    "denied places are covered",
    sandboxOf([read, place("/d", "deny"), place("/f", "deny")]),
    { kinds: { "/f": "file" } },
    `${base} --ro-bind /s/dir /d --ro-bind /s/file /f --chdir /`,
  ],
  [
    "matches of patterns are covered",
    sandboxOf([read, glob("/x/*.key")]),
    { matches: [{ path: path("/x/a.key"), isDirectory: false }] },
    `${base} --ro-bind /s/file /x/a.key --chdir /`,
  ],
  [
    "what is missing is left out",
    sandboxOf([read, write]),
    { kinds: { "/w": "missing" } },
    `${base} --chdir /`,
  ],
  [
    "a place behind a link is mounted where it is",
    sandboxOf([read, place("/l", "write")]),
    { real: { "/l": "/w" }, links: { "/l": [{ at: path("/l"), target: path("w") }] } },
    `${base} --bind /w /w --chdir /`,
  ],
  [
    "an empty tree gets the links, and cannot be written itself",
    sandboxOf([special("minimal", "read"), place("/l", "write")]),
    { real: { "/l": "/w" }, links: { "/l": [{ at: path("/l"), target: path("w") }] } },
    `--tmpfs / --dev /dev ${proc} --symlink usr/bin /bin --symlink w /l ` +
      "--ro-bind /etc /etc --ro-bind /s/file /etc/shadow --ro-bind /usr /usr --bind /w /w " +
      "--remount-ro / --chdir /",
  ],
  [
    "writing everything keeps the devices",
    sandboxOf([special("root", "write")]),
    {},
    `--dev-bind / / ${proc} --ro-bind /s /s --chdir /`,
  ],
  [
    "a directory of the server is not written, whatever is granted",
    sandboxOf([read, place("/s", "write")]),
    {},
    `${base} --chdir /`,
  ],
  [
    "directories on the way to what is cut out of a writable place cannot be renamed",
    sandboxOf([read, write, place("/w/a/b/ro", "read"), place("/w/a/c/d", "deny")]),
    {},
    `${base} --bind /w /w --bind /w/a /w/a --bind /w/a/b /w/a/b --ro-bind /w/a/b/ro /w/a/b/ro ` +
      "--bind /w/a/c /w/a/c --ro-bind /s/dir /w/a/c/d --chdir /",
  ],
  [
    "nor those on the way to a writable place in another",
    sandboxOf([read, write, place("/w/a/b", "write")]),
    { kinds: { "/w/a/b/.git": "directory" } },
    `${base} --bind /w /w --bind /w/a /w/a --bind /w/a/b /w/a/b ` +
      "--ro-bind /w/a/b/.git /w/a/b/.git --chdir /",
  ],
  [
    "nor those on the way to a match of a pattern where everything is writable",
    sandboxOf([special("root", "write"), glob("/x/**/*.key")]),
    { matches: [{ path: path("/x/y/a.key"), isDirectory: false }] },
    `--dev-bind / / ${proc} --ro-bind /s /s --dev-bind /x /x --dev-bind /x/y /x/y ` +
      "--ro-bind /s/file /x/y/a.key --chdir /",
  ],
  [
    "what only leads to it in a read-only place need not be held",
    sandboxOf([read, write, place("/w/ro", "read"), place("/w/ro/a/b", "deny")]),
    {},
    `${base} --bind /w /w --ro-bind /w/ro /w/ro --ro-bind /s/dir /w/ro/a/b --chdir /`,
  ],
];
for (const [title, sandbox, found, expected] of cases) {
  test(`bwrap: ${title}`, () => assert.equal(mounts(sandbox, found), expected));
}

test("bwrap: a file in the way of what must not come into being stays there", () => {
  const sandbox = sandboxOf([read, place("/", "write"), place("/w/f", "deny")]);
  const text = mounts(sandbox, { kinds: { "/w": "file", "/w/f": "missing" }, kept: [] });
  assert.equal(text, `--dev-bind / / ${proc} --dev-bind /w /w --chdir /`);
});

test("bwrap: what the server keeps is read-only below a writable place", () => {
  const sandbox = sandboxOf([read, place("/tmp", "write")]);
  const text = mounts(sandbox, { kept: [path("/tmp/x/state")] });
  const way = "--bind /tmp /tmp --bind /tmp/x /tmp/x --ro-bind /tmp/x/state /tmp/x/state";
  assert.equal(text, `${base} ${way} --chdir /`);
});

test("bwrap: a mount cannot keep a name that is a link in a writable place", () => {
  const links = { "/w/.codex": [{ at: path("/w/.codex"), target: path("/x") }] };
  const found = {
    real: { "/w/.codex": "/x" },
    links,
    kinds: { "/w/.codex": "directory" as const },
  };
  const text = /read-only path \/w\/\.codex because it crosses writable symlink \/w\/\.codex/;
  assert.throws(() => mounts(sandboxOf([read, write]), found), text);
});

test("bwrap: flags", () => {
  const flags = (more: Partial<BwrapPlan>) =>
    bwrapFlags({ ...plan, confinement: confinement(sandboxOf([read]), {}), ...more }).join(" ");
  const always = "--die-with-parent --unshare-user --unshare-pid --unshare-ipc";
  const tail = "--cap-drop ALL --seccomp 3";
  assert.equal(flags({}), `--as-pid-1 --new-session ${always} --unshare-net ${tail}`);
  const terminal = { commandIsInit: false, newSession: false, ownNetwork: false };
  assert.equal(flags(terminal), `${always} ${tail}`);
});
