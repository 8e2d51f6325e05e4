import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type HostPath, isWithin } from "../src/protocol/path-uri.ts";
import {
  escapedGlob,
  globExpression,
  isLiteral,
  literalText,
  splitGlob,
} from "../src/sandbox/policy/glob.ts";
import { globsIn } from "../src/sandbox/policy/glob-syntax.ts";
import { policyOf } from "../src/sandbox/policy/policy.ts";
import { glob, sandboxOf } from "./support/sandboxes.ts";

const path = (text: string) => text as HostPath;

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
  ["{/etc/secret,/a/key}", /an absolute path in braces/],
  ["{~/.ssh,key}", /an absolute path in braces/],
  ["\\/etc/secret", /an absolute path in braces or behind a backslash/],
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
    const policy = () => policyOf(sandboxOf([glob(pattern)]), { cwd: path("/") });
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
