/**
 * The state of the file system that a policy meets (its world): where its paths really lead, what
 * exists, and what its patterns match. Mounts are made for one world, and are good only while the
 * fingerprint stays the same.
 */
import { type BigIntStats, lstatSync, statSync } from "node:fs";
import { placeLooksMax } from "../../limits.ts";
import { type HostPath, nodePath, splitPath } from "../../protocol/path-uri.ts";
import { mountsNow } from "../../system/outer-mounts.ts";
import { remoteMounts } from "../../system/remote-mounts.ts";
import { rebased, splitGlob } from "./glob.ts";
import type { Policy, PolicyRule } from "./policy.ts";
import { isAbsence, type Link, locate, locateByLinks, lstatAt, statAt } from "./real-path.ts";
import { type Match, scanGlobs } from "./scan-globs.ts";
import { WorldChangedError } from "./world-changed-error.ts";

export type Kind = "directory" | "file" | "other" | "missing";

/** A path of a policy rule, as found on the disk. */
export interface Place {
  readonly rule: PolicyRule;
  /** The path with links resolved, as far as it exists. */
  readonly real: HostPath;
  readonly kind: Kind;
  readonly links: readonly Link[];
  /** The deepest existing ancestor of a missing path; the path itself if it exists. */
  readonly nearest: Nearest;
}

/** The deepest existing directory or file among a path and its ancestors. */
interface Nearest {
  readonly path: HostPath;
  readonly kind: Kind;
}

export interface Findings {
  readonly places: readonly Place[];
  /** The deny patterns, with the links in their bases resolved. */
  readonly denyGlobs: readonly string[];
  /** The existing paths that the patterns match. */
  readonly matches: readonly Match[];
}

export interface World extends Findings {
  readonly fingerprint: string;
}

/**
 * Directories that exist only because this server has made them as mount points for a confined
 * process; they count as missing.
 */
export interface MountPoints {
  has(path: HostPath): boolean;
}

/** Resolves all rules and patterns. Throws when the matches of a pattern cannot be found. */
export async function findPlaces(policy: Policy, ours: MountPoints): Promise<Findings> {
  const [places, found] = await Promise.all([
    Promise.all(policy.rules.map((rule) => survey(rule, ours))),
    matchesOf(policy),
  ]);
  return { places, ...found };
}

/** The findings together with their fingerprint, for a later check whether they still hold. */
export async function surveyWorld(policy: Policy, ours: MountPoints): Promise<World> {
  const [found, fingerprint] = await Promise.all([
    findPlaces(policy, ours),
    fingerprintOf(policy, ours),
  ]);
  return { ...found, fingerprint: withMatches(fingerprint, found) };
}

/**
 * The current fingerprint. It is cheap without patterns, and synchronous where no call can hang.
 */
export function currentFingerprint(policy: Policy, ours: MountPoints): string | Promise<string> {
  const fingerprint = fingerprintOf(policy, ours);
  if (typeof fingerprint === "string" && policy.denyGlobs.length === 0) {
    return withMatches(fingerprint, nothingMatched);
  }
  return Promise.all([fingerprint, matchesOf(policy)]).then(([own, found]) =>
    withMatches(own, found),
  );
}

const nothingMatched: Matches = { denyGlobs: [], matches: [] };

type Matches = Pick<Findings, "denyGlobs" | "matches">;

/** Resolves the bases of the patterns, because access is checked by real path. */
async function matchesOf({ denyGlobs: named, globDepth }: Policy): Promise<Matches> {
  const rebasing = named.map(async (glob) =>
    rebased(glob, (await locate(splitGlob(glob).base)).real),
  );
  const denyGlobs = await Promise.all(rebasing);
  return { denyGlobs, matches: await scanGlobs(denyGlobs, globDepth) };
}

function withMatches(fingerprint: string, { denyGlobs, matches }: Matches): string {
  const found = matches.map(({ path, isDirectory }) => `${path}${isDirectory}`);
  return [fingerprint, ...denyGlobs, ...found].join("\0");
}

/**
 * The identity of each path, and the mount table, which can change what is below a path. Reading
 * that table and looking at local disks cannot hang, while a network server may be gone for ever.
 * So paths are looked at asynchronously only where a network file system is mounted: on a busy
 * machine that takes ten times as long.
 */
function fingerprintOf(policy: Policy, ours: MountPoints): string | Promise<string> {
  const mounts = mountsNow();
  const named = (identities: string[]) => `${identities.join(" ")}\n${mounts}`;
  const look = <T>(at: (path: HostPath) => T) =>
    policy.rules.map(({ path }) => (ours.has(path) ? "-" : at(path)));
  if (remoteMounts(mounts).length === 0) return named(look(identityNow));
  return Promise.all(look(identityOf)).then(named);
}

function identityNow(path: HostPath): string {
  try {
    const own = lstatSync(nodePath(path), { bigint: true, throwIfNoEntry: false });
    if (!own?.isSymbolicLink()) return own ? identity(own) : "-";
    const target = statSync(nodePath(path), { bigint: true, throwIfNoEntry: false });
    return `${identity(own)}>${target ? identity(target) : "-"}`;
  } catch (error) {
    if (isAbsence(error)) return "-";
    throw error;
  }
}

async function identityOf(path: HostPath): Promise<string> {
  const own = await lstatAt(path);
  if (!own?.isSymbolicLink()) return own ? identity(own) : "-";
  const target = await statAt(path);
  return `${identity(own)}>${target ? identity(target) : "-"}`;
}

/** Includes the time of birth, because inode numbers are reused. */
function identity(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}:${stats.mode >> 12n}`;
}

/**
 * Looks again when a path has gone between two calls, as a mount point of another server may: a
 * missing path needs an existing ancestor. Throws when it keeps changing.
 */
async function survey(rule: PolicyRule, ours: MountPoints): Promise<Place> {
  for (let looks = 0; looks < placeLooksMax; looks++) {
    const { real, existing, links } = await locateByLinks(rule.path);
    const path = withoutMountPoints(existing, ours);
    const stats = await statAt(path);
    if (!stats) continue;
    const nearest = { path, kind: kindOf(stats) };
    const kind = path === real ? nearest.kind : "missing";
    return { rule, real, kind, links, nearest };
  }
  throw new WorldChangedError();
}

/** The nearest ancestor that is not a mount point made by this server. */
function withoutMountPoints(path: HostPath, ours: MountPoints): HostPath {
  return ours.has(path) ? withoutMountPoints(splitPath(path).parent, ours) : path;
}

function kindOf(stats: BigIntStats): Kind {
  if (stats.isDirectory()) return "directory";
  return stats.isFile() ? "file" : "other";
}
