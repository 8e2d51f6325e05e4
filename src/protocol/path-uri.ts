/**
 * Paths on the wire are `file:` URIs; paths on a Linux host are bytes. A host path is a string with
 * one char per byte, so that names that are not UTF-8 survive and string functions work; `nodePath`
 * converts it for node:fs. Imports no package, because the fs-helper uses it.
 */
import { Buffer } from "node:buffer";
import { invalidRequest } from "./errors.ts";

/** An absolute path of this host without `.`, `..`, or needless slashes; one char per byte. */
export type HostPath = string & { readonly bytes: unique symbol };

/** Why `uri` is not a path URI; undefined when it is one. */
export function pathUriComplaint(uri: string): string | undefined {
  if (plainUri.test(uri)) return undefined;
  if (!URL.canParse(uri)) return unparsableComplaint(uri);
  const url = new URL(uri);
  if (url.protocol !== "file:") return schemeComplaint(url.protocol.slice(0, -1));
  const [beforeFragment = "", fragment] = url.href.split("#", 2);
  if (beforeFragment.includes("?")) return "query parameters are not allowed in path URIs";
  if (fragment !== undefined) return "fragments are not allowed in path URIs";
  if (url.pathname.includes("%00")) return foreignComplaint(uri);
  return undefined;
}

/**
 * The path that a valid path URI means on this host. Throws an invalid-request RpcError for a path
 * of another system.
 */
export function hostPath(uri: string): HostPath {
  if (plainUri.test(uri)) return uri.slice("file://".length) as HostPath;
  const { host, pathname } = new URL(uri);
  if (host !== "" || driveFirst.test(pathname)) throw invalidRequest(foreignComplaint(uri));
  return normalPath(percentDecoded(pathname));
}

/** The canonical URI of a path of this host. */
export function pathUriOf(path: HostPath): string {
  return `file://${driveLikeFirst.test(path) ? escapedDrive(escaped(path)) : escaped(path)}`;
}

/** The prefix that turns names in `directory`, escaped by `uriNames`, into canonical URIs. */
export function uriPrefix(directory: HostPath): string {
  return directory === "/" ? "file:///" : `${pathUriOf(directory)}/`;
}

/** The escaped form of `names`, to be appended to `uriPrefix(directory)`. */
export function uriNames(directory: HostPath, names: readonly string[]): readonly string[] {
  if (directory !== "/") return needsEscape.test(names.join("")) ? names.map(escaped) : names;
  return names.map((name) => pathUriOf(joinPath(directory, name)).slice("file:///".length));
}

const escaped = (path: string) =>
  needsEscape.test(path) ? path.replace(needsEscapeGlobal, percentEncoded) : path;

/** The path as node:fs takes it. */
export function nodePath(path: HostPath): string | Buffer {
  return beyondAscii.test(path) ? Buffer.from(path, "latin1") : path;
}

/** A path or name as readable text: invalid UTF-8 is replaced. */
export function shownPath(path: string): string {
  return beyondAscii.test(path) ? Buffer.from(path, "latin1").toString("utf8") : path;
}

/** Whether a name is ASCII, and so the same text in every encoding. */
export const isAscii = (name: string): boolean => !beyondAscii.test(name);

/**
 * The host path of a path from node:fs or the system: strings are UTF-8, buffers are taken as they
 * are.
 */
export function hostPathOf(native: string | Buffer): HostPath {
  const bytes = typeof native === "string" ? Buffer.from(native, "utf8") : native;
  return normalPath(bytes.toString("latin1"));
}

/** The parent directory and the name. The parent of the root is the root, and its name is empty. */
export function splitPath(path: HostPath): { parent: HostPath; name: string } {
  const slash = path.lastIndexOf("/");
  return { parent: (path.slice(0, slash) || "/") as HostPath, name: path.slice(slash + 1) };
}

/** `name` (one char per byte) in the directory `parent`. */
export function joinPath(parent: HostPath, name: string): HostPath {
  return (parent === "/" ? `/${name}` : `${parent}/${name}`) as HostPath;
}

/** Whether `path` is `directory` or somewhere in it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || isBelow(path, directory);
}

export function isBelow(path: string, directory: string): boolean {
  if (directory === "/") return path !== "/";
  return path.startsWith(directory) && path.charAt(directory.length) === "/";
}

/**
 * The form in nearly every request: three slashes, no escapes, no dot segments. Such a URI contains
 * its path as it is, and this test costs a tenth of parsing.
 */
const plainUri = /^file:\/\/(?:\/(?!\.{1,2}(?:\/|$))[\w.~!$&'()*+,;=@-]+)+$/;
/** The URL parser has made `C|` into `C:` and `/x/../C:` into `/C:` already. */
const driveFirst = /^\/[A-Za-z]:(?:\/|$)/;
const driveLikeFirst = /^\/[A-Za-z][:|](?:\/|$)/;
const beyondAscii = /[\u0080-\u00ff]/;
/**
 * Characters that the URL parser would change, or end the path at; the same set as the reference's.
 */
const needsEscape = /[^!$&'()*+,./0-9:;=@A-Z[\]^_a-z|~-]/;
const needsEscapeGlobal = new RegExp(needsEscape, "g");

/** A relative URL lacks its scheme; in any other case the host is invalid. */
function unparsableComplaint(uri: string): string {
  const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === undefined) return "invalid URI: relative URL without a base";
  if (scheme !== "file") return schemeComplaint(scheme);
  return "invalid URI: invalid international domain name";
}

function schemeComplaint(scheme: string): string {
  return `unsupported path URI scheme \`${scheme}\``;
}

function foreignComplaint(uri: string): string {
  return `'${uri}' is invalid on '${process.platform}'`;
}

/** Decodes escapes to one char per byte; a `%` that starts no escape stays. */
export function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** `/C:` would be read as a Windows drive: escaping its second char keeps it a name. */
function escapedDrive(escaped: string): string {
  return `${escaped.slice(0, 2)}${percentEncoded(escaped.charAt(2))}${escaped.slice(3)}`;
}

/**
 * Resolves dots again after the URL parser, because `%2F` has become a slash only now. A `..`
 * passed to the kernel could mean another directory behind a symbolic link.
 */
function normalPath(path: string): HostPath {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}` as HostPath;
}
