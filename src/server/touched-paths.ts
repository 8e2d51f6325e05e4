import { type Method, requests } from "../protocol/methods.ts";
import { hostPath } from "../protocol/path-uri.ts";
import type { Touched } from "./path-order.ts";

interface Touches {
  readonly reads?: readonly string[];
  readonly changes?: readonly string[];
  readonly handle?: string;
}

/** Whether requests of this method read or change files. */
export const touchesPaths = (method: Method) => "touches" in requests[method];

/** The paths and file handles that a request reads and changes, as the protocol's table says. */
export function touchedPaths(method: Method, params: object): Touched {
  const row = requests[method];
  const touches: Touches = "touches" in row ? row.touches : {};
  const values = params as Record<string, string>;
  const pathsOf = (names: readonly string[] = []) => names.map((name) => orderKey(values[name]));
  const handle = touches.handle === undefined ? [] : [`handle:${values[touches.handle]}`];
  return { reads: pathsOf(touches.reads), changes: [...pathsOf(touches.changes), ...handle] };
}

/** A path without trailing slash; the root is the empty text, above everything. */
function orderKey(uri = ""): string {
  try {
    return hostPath(uri).replace(/\/+$/, "");
  } catch {
    // Not a path of this host: the operation itself will refuse it.
    return uri;
  }
}
