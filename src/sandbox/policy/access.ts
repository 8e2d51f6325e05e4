/**
 * What a confined worker may do with a path. The fs-helper checks every path after resolving it, so
 * this holds whatever is mounted. Pure, and without packages.
 */
import { accessesRememberedMax } from "../../limits.ts";
import { type HostPath, isBelow } from "../../protocol/path-uri.ts";
import { globExpression } from "./glob.ts";

export type Access = "read" | "write" | "deny";

const strength: Record<Access, number> = { read: 0, write: 1, deny: 2 };

/** Precedence of two entries for one path: a denial wins over all, and writing over reading. */
export function isStronger(access: Access, other: Access): boolean {
  return strength[access] > strength[other];
}

export interface Rule {
  readonly path: HostPath;
  readonly access: Access;
}

/** The grants of a worker, by real path. Paths without a rule appear absent to it. */
export interface Grants {
  readonly rules: readonly Rule[];
  readonly denyGlobs: readonly string[];
}

export interface AccessTable {
  /** The nearest rule decides; a denial decides for everything below it. */
  accessTo(path: HostPath): Access | "none";
  /** Whether `path` is a directory on the way to something granted. */
  leadsToGrant(path: HostPath): boolean;
  /** Places below `path` that have a rule of their own, and so are mounts where they exist. */
  rulesBelow(path: HostPath): readonly Rule[];
  hasRule(path: HostPath): boolean;
}

export function accessTable(grants: Grants): AccessTable {
  const rules = new Map<string, Access>(grants.rules.map(({ path, access }) => [path, access]));
  const globs = grants.denyGlobs.map(globExpression);
  const ruleCharsMax = Math.max(...grants.rules.map(({ path }) => path.length));
  const below = (path: HostPath) => grants.rules.filter((rule) => isBelow(rule.path, path));
  return {
    accessTo: nearestRule({ rules, globs, ruleCharsMax }),
    leadsToGrant: (path) => below(path).some(({ access }) => access !== "deny"),
    rulesBelow: below,
    hasRule: (path) => rules.has(path),
  };
}

interface Rules {
  readonly rules: ReadonlyMap<string, Access>;
  readonly globs: readonly RegExp[];
  /** Length of the longest path with a rule: looking for longer ones is slow in deep trees. */
  readonly ruleCharsMax: number;
}

type Found = Access | "none";

/**
 * Looks for the nearest rule. What was found for a directory is remembered: otherwise each path of
 * a deep tree, and all those above it, would be compared with every pattern again.
 */
function nearestRule(rules: Rules): AccessTable["accessTo"] {
  const remembered = new Map<string, Found>();
  const foundAt = (path: string): Found => {
    const ways: string[] = [];
    let at = path;
    for (; !isTop(at) && !remembered.has(at); at = parentOf(at)) ways.push(at);
    const known = remembered.get(at) ?? accessAt("none", at, rules);
    return ways.reduceRight<Found>((found, way) => accessAt(found, way, rules), known);
  };
  return (path) => {
    if (isTop(path)) return foundAt(path);
    const directory = parentOf(path);
    const found = foundAt(directory);
    if (remembered.size >= accessesRememberedMax) remembered.clear();
    remembered.set(directory, found);
    return accessAt(found, path, rules);
  };
}

const isTop = (path: string) => path === "/" || path === "";
const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

/** What counts at `path`, where `above` was found for its directory. */
function accessAt(above: Found, path: string, { rules, globs, ruleCharsMax }: Rules): Found {
  if (above === "deny") return "deny";
  const access = path.length > ruleCharsMax ? undefined : rules.get(path);
  return globs.some((glob) => glob.test(path)) ? "deny" : (access ?? above);
}
