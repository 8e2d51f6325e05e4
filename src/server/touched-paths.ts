import { type Method, requests } from "../protocol/methods.ts";
import { hostPath } from "../protocol/path-uri.ts";
import type { Touched } from "./path-order.ts";

interface Touches {
  readonly reads?: readonly string[];
  readonly changes?: readonly string[];
  readonly handle?: string;
}

/** What a request looks at and changes, as the protocol's table says; undefined when nothing. */
export function touchedPaths(method: Method, params: object): Touched | undefined {
  const row = requests[method];
  if (!("touches" in row)) return undefined;
  const touches: Touches = row.touches;
  const values = params as Record<string, string>;
  const pathsOf = (names: readonly string[] = []) => names.map((name) => orderKey(values[name]));
  const handle = touches.handle === undefined ? [] : [`handle:${values[touches.handle]}`];
  return { reads: pathsOf(touches.reads), changes: [...pathsOf(touches.changes), ...handle] };
}

/** A path without trailing slash; the root is the empty text, above everything. */
const orderKey = (uri: string | undefined) => hostPath(uri ?? "").replace(/\/+$/, "");
