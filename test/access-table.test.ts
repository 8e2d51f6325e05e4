import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { accessesRememberedMax } from "../src/limits.ts";
import type { HostPath } from "../src/protocol/path-uri.ts";
import { accessTable, type Grants } from "../src/sandbox/policy/access.ts";
import { globExpression } from "../src/sandbox/policy/glob.ts";

/** Compares the path and all above it with everything, and remembers nothing. */
function accessByHand(path: string, { rules, denyGlobs }: Grants) {
  const names = path.split("/").slice(1);
  const above = names.map((_, at) => `/${names.slice(0, names.length - at).join("/")}`);
  const ways = path === "/" ? ["/"] : [...above, "/"];
  const found = ways.flatMap((way) => rules.filter((rule) => rule.path === way));
  const isDenied = ways.some((way) => denyGlobs.some((glob) => globExpression(glob).test(way)));
  if (isDenied || found.some(({ access }) => access === "deny")) return "deny";
  return found[0]?.access ?? "none";
}

const name = fc.constantFrom("a", "b", "ab", ".git");
const asPath = (names: string[]) => `/${names.join("/")}` as HostPath;
const path = fc.array(name, { maxLength: 6 }).map(asPath);
const access = fc.constantFrom("read" as const, "write" as const, "deny" as const);
const part = fc.constantFrom("a", "b", "*", "**", "?", "a*", "*b", "[!a]", "[a-b]b");
const glob = fc.array(part, { minLength: 1, maxLength: 5 }).map(asPath);
const grants = fc.record({
  rules: fc.uniqueArray(fc.record({ path, access }), { maxLength: 6, selector: (r) => r.path }),
  denyGlobs: fc.array(glob, { maxLength: 3 }),
});

test("what may be done at a path does not depend on what was asked before", () => {
  const property = fc.property(grants, fc.array(path, { maxLength: 30 }), (granted, paths) => {
    const table = accessTable(granted);
    for (const asked of paths) assert.equal(table.accessTo(asked), accessByHand(asked, granted));
  });
  fc.assert(property, { numRuns: 2_000 });
});

test("what may be done stays right when more was asked than is remembered", () => {
  const denyGlobs = ["/w/**/secret"];
  const table = accessTable({ rules: [{ path: "/w" as HostPath, access: "write" }], denyGlobs });
  const asked = Array.from({ length: 2.5 * accessesRememberedMax }, (_, at) => `/w/${at}`);
  for (const _ of [1, 2]) {
    for (const directory of asked) {
      assert.equal(table.accessTo(`${directory}/x` as HostPath), "write");
      assert.equal(table.accessTo(`${directory}/secret/x` as HostPath), "deny");
    }
  }
});

test("a directory leads to what is granted below it, and not to what is denied", () => {
  const rules: Grants["rules"] = [
    { path: "/w/granted/file" as HostPath, access: "read" },
    { path: "/w/denied/file" as HostPath, access: "deny" },
  ];
  const table = accessTable({ rules, denyGlobs: [] });
  const leading = ["/", "/w", "/w/granted", "/w/granted/file", "/w/denied", "/w/none"].filter(
    (path) => table.leadsToGrant(path as HostPath),
  );
  assert.deepEqual(leading, ["/", "/w", "/w/granted"]);
});

test("a walk down a deep tree compares each directory with the patterns at most twice", (t) => {
  const levels = 2_000;
  const names = Array.from({ length: levels }, () => "d");
  const paths = names.map((_, at) => asPath(names.slice(0, at + 1)));
  const table = accessTable({ rules: [], denyGlobs: ["/**/*.key"] });
  const compared = t.mock.method(RegExp.prototype, "test");
  for (const asked of paths) table.accessTo(asked);
  assert.ok(compared.mock.callCount() <= 2 * levels + 2, `${compared.mock.callCount()} times`);
});
