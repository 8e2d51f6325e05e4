import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { RpcError } from "../src/protocol/errors.ts";
import {
  type HostPath,
  hostPath,
  hostPathOf,
  joinPath,
  nodePath,
  pathUriComplaint,
  pathUriOf,
} from "../src/protocol/path-uri.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const meanings: Record<string, [uri: string, path: string]> = {
  "three slashes": ["file:///a/b", "/a/b"],
  "one slash": ["file:/a/b", "/a/b"],
  "no slash": ["file:a", "/a"],
  "a scheme in capitals": ["FILE:///a", "/a"],
  "this host by name": ["file://LOCALHOST/a", "/a"],
  "blanks and a line break around": ["  file:///a\n", "/a"],
  "the root": ["file:///", "/"],
  "the root without a slash": ["file:", "/"],
  "the root with an empty host": ["file://", "/"],
  dots: ["file:///a/./b/../c", "/a/c"],
  "escaped dots": ["file:///a/b/%2e%2E/c/%2e", "/a/c"],
  "more dots than directories": ["file:///../../a", "/a"],
  "dots between escaped slashes": ["file:///a/b%2F..%2Fc", "/a/c"],
  "an escaped slash": ["file:///a%2Fb", "/a/b"],
  "two slashes": ["file:///a//b", "/a/b"],
  "a slash at the end": ["file:///a/", "/a"],
  "a backslash, which counts as a slash": ["file:///a\\b", "/a/b"],
  "an escaped backslash, which does not": ["file:///a%5Cb", "/a\\b"],
  "a needless escape": ["file:///%61", "/a"],
  "a percent sign alone": ["file:///50%", "/50%"],
  "a percent sign before letters": ["file:///%zz", "/%zz"],
  "escaped punctuation": ["file:///%23%3F%25", "/#?%"],
  "a blank and a letter beyond ASCII": ["file:///a b/ü", "/a b/\u00c3\u00bc"],
  "a byte that is not UTF-8": ["file:///x%FFy", "/x\u00ffy"],
  "a drive letter deeper down": ["file:///x/C:/y", "/x/C:/y"],
  "a drive letter that is escaped": ["file:///C%3A/y", "/C:/y"],
  "names that begin with dots": ["file:///.a/..b/...", "/.a/..b/..."],
};
for (const [name, [uri, path]] of Object.entries(meanings)) {
  test(`a URI may have ${name}`, () => {
    assert.equal(pathUriComplaint(uri), undefined);
    assert.equal(hostPath(uri), path);
  });
}

const complaints: Record<string, [uri: string, complaint: string]> = {
  "a native path": ["/a", "invalid URI: relative URL without a base"],
  "a relative path": ["a", "invalid URI: relative URL without a base"],
  "an empty text": ["", "invalid URI: relative URL without a base"],
  "a share of Windows": ["\\\\srv\\sh", "invalid URI: relative URL without a base"],
  "a path of Windows": ["C:\\x", "unsupported path URI scheme `c`"],
  "another scheme": ["http://x/y", "unsupported path URI scheme `http`"],
  "another scheme without a host": ["http://", "unsupported path URI scheme `http`"],
  "a query": ["file:///a?b", "query parameters are not allowed in path URIs"],
  "an empty query": ["file:///a?", "query parameters are not allowed in path URIs"],
  "a fragment": ["file:///a#b", "fragments are not allowed in path URIs"],
  "an empty fragment": ["file:///a#", "fragments are not allowed in path URIs"],
  credentials: ["file://u:p@h/a", "invalid URI: invalid international domain name"],
  "a port": ["file://h:1/a", "invalid URI: invalid international domain name"],
  "an encoded NUL": ["file:///a%00", "'file:///a%00' is invalid on 'linux'"],
};
for (const [name, [uri, complaint]] of Object.entries(complaints)) {
  test(`${name} is no path URI`, () => assert.equal(pathUriComplaint(uri), complaint));
}

const foreigners = [
  "file://other/a",
  "file://10.0.0.1/a",
  "file:///C:/x",
  "file:///c|/x",
  "file://C:/x",
];
for (const uri of foreigners) {
  test(`${uri} is a path URI of another kind of host`, () => {
    assert.equal(pathUriComplaint(uri), undefined);
    assert.throws(() => hostPath(uri), new RpcError(-32600, `'${uri}' is invalid on 'linux'`));
  });
}

const canonical: Record<string, [path: string, uri: string]> = {
  "a blank": ["/a b", "file:///a%20b"],
  "the root": ["/", "file:///"],
  "UTF-8": ["/\u00c3\u00bc", "file:///%C3%BC"],
  "a byte that is not UTF-8": ["/x\u00ffy", "file:///x%FFy"],
  "what ends a path": ["/#?%\\", "file:///%23%3F%25%5C"],
  "a name like a drive": ["/C:/x", "file:///C%3A/x"],
  "a tab": ["/\t", "file:///%09"],
};
for (const [name, [path, uri]] of Object.entries(canonical)) {
  test(`the URI of a path escapes ${name}`, () => assert.equal(pathUriOf(path as HostPath), uri));
}

/** Names as a file system takes them: any bytes but NUL and the slash. */
const fileName = fc
  .array(
    fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f),
    { minLength: 1, maxLength: 40 },
  )
  .map((bytes) => Buffer.from(bytes).toString("latin1"))
  .filter((name) => name !== "." && name !== "..");
const anyPath = fc
  .array(fileName, { maxLength: 6 })
  .map((names) => `/${names.join("/")}` as HostPath);

test("every path survives the way to its URI and back", () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      const uri = pathUriOf(path);
      assert.equal(pathUriComplaint(uri), undefined);
      assert.equal(hostPath(uri), path);
      assert.equal(pathUriOf(hostPath(uri)), uri);
    }),
  );
});

test("every path survives the way to node:fs and back", () => {
  fc.assert(fc.property(anyPath, (path) => assert.equal(hostPathOf(nodePath(path)), path)));
});

test("whatever text passes the check gives a normal path or an RpcError", () => {
  const pieces = fc.constantFrom(
    "/",
    "..",
    ".",
    "%2e",
    "%2F",
    "\\",
    "a",
    "C:",
    "%",
    "ü",
    "file:",
    "?",
  );
  const text = fc.array(pieces, { maxLength: 12 }).map((parts) => `file:${parts.join("")}`);
  fc.assert(
    fc.property(text, (uri) => {
      if (pathUriComplaint(uri) !== undefined) return;
      try {
        assert.match(hostPath(uri), /^\/$|^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
      }
    }),
  );
});

test("a name that is not UTF-8 is found on the disk", (t) => {
  const directory = temporaryFolder(t, "path-uri");
  writeFileSync(nodePath(joinPath(hostPathOf(directory), "x\u00ffy")), "");
  assert.deepEqual(readdirSync(directory, { encoding: "buffer" }), [
    Buffer.from([0x78, 0xff, 0x79]),
  ]);
});
