import {
  hostPathOf,
  pathUriComplaint,
  pathUriOf,
  percentDecoded,
  shownPath,
} from "../../protocol/path-uri.ts";

/**
 * A path of the executor: an absolute path, or a `file:` URL as text or object. A name that is not
 * UTF-8 can only be given as a URL.
 */
export type Path = string | URL;

const windowsDrive = /^[A-Za-z]:[\\/]/;

/**
 * The `file:` URI of a path, as the protocol has it. Throws a `TypeError` for a path that is not
 * absolute.
 */
export function uriOfPath(path: Path): string {
  if (path instanceof URL) return checked(path.href);
  if (typeof path !== "string") throw notAbsolute(path);
  if (/^file:/i.test(path)) return checked(path);
  if (path.startsWith("/")) return pathUriOf(hostPathOf(path));
  if (windowsDrive.test(path)) return encodeURI(`file:///${path.replaceAll("\\", "/")}`);
  throw notAbsolute(path);
}

const notAbsolute = (path: string) =>
  new TypeError(`\`${path}\` is not an absolute path; it must begin with / or file:`);

function checked(uri: string): string {
  const complaint = pathUriComplaint(uri);
  if (complaint) throw new TypeError(`\`${uri}\` is no path: ${complaint}`);
  return uri;
}

/** The path of a `file:` URI; the URI itself when the path is not UTF-8 or not POSIX. */
export function pathOfUri(uri: string): string {
  const escaped = /^file:\/\/(\/.*)$/.exec(uri)?.[1];
  if (escaped === undefined || windowsDrive.test(escaped.slice(1))) return uri;
  const path = shownPath(percentDecoded(escaped));
  return path.includes("\uFFFD") ? uri : path;
}
