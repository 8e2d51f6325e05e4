/**
 * What is really there of what a policy names. Mounts are made for this, and are good only as long
 * as it stays so: the fingerprint tells.
 */
import { type BigIntStats, lstatSync, statSync } from "node:fs";
import { placeLooksMax } from "../limits.ts";
import { type HostPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import { rebased, splitGlob } from "./glob.ts";
import { mountsNow } from "./outer-mounts.ts";
import type { Policy, PolicyRule } from "./policy.ts";
import { isAbsence, type Link, locate, locateByLinks, lstatAt, statAt } from "./real-path.ts";
import { remoteMounts } from "./remote-mounts.ts";
import { type Match, scanGlobs } from "./scan-globs.ts";
import { WorldChangedError } from "./world-changed-error.ts";

export type Kind = "directory" | "file" | "other" | "missing";

/** A place of a policy as it is found. */
export interface Place {
  readonly rule: PolicyRule;
  /** Without links, as far as the place exists. */
  readonly real: HostPath;
  readonly kind: Kind;
  readonly links: readonly Link[];
  /** What is there of the way to a missing place. */
  readonly nearest: Nearest;
}

/** The deepest directory or file on the way to a place that exists; the place itself if it does. */
interface Nearest {
  readonly path: HostPath;
  readonly kind: Kind;
}

export interface Findings {
  readonly places: readonly Place[];
  /** The deny patterns, below real directories. */
  readonly denyGlobs: readonly string[];
  /** What exists of what they match. */
  readonly matches: readonly Match[];
}

export interface World extends Findings {
  readonly fingerprint: string;
}

/** Paths that exist only because this server has made them for a confined process. */
export interface MountPoints {
  has(path: HostPath): boolean;
}

/** Looks at everything. Throws when it cannot be known what a pattern matches. */
export async function findPlaces(policy: Policy, ours: MountPoints): Promise<Findings> {
  const [places, found] = await Promise.all([
    Promise.all(policy.rules.map((rule) => survey(rule, ours))),
    matchesOf(policy),
  ]);
  return { places, ...found };
}

/** The same, for whoever will ask whether it is still so. */
export async function surveyWorld(policy: Policy, ours: MountPoints): Promise<World> {
  const [found, fingerprint] = await Promise.all([
    findPlaces(policy, ours),
    fingerprintOf(policy, ours),
  ]);
  return { ...found, fingerprint: withMatches(fingerprint, found) };
}

/**
 * The fingerprint that a survey would have now; costs little unless there are patterns, and comes
 * at once where nothing can hold it up.
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

/** A pattern counts below what its base leads to, because what is asked for are real paths. */
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
 * What each path is, and the table of mounts, which can change what is below a path. The table is
 * the kernel's own and nothing can hold it up; neither can a disk of this machine, while a
 * network's may be gone for ever. So only paths on the latter are looked at asynchronously, which
 * on a busy machine takes ten times as long.
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

/** With the time of birth, because inodes are used again. */
function identity(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}:${stats.mode >> 12n}`;
}

/**
 * Where what was found is gone at the next look, as a mount point of another server may be, it is
 * looked again: a place that is missing needs the directory that is there above it. Throws where
 * somebody keeps changing it.
 */
async function survey(rule: PolicyRule, ours: MountPoints): Promise<Place> {
  for (let looks = 0; looks < placeLooksMax; looks++) {
    const { real, existing, links } = await locateByLinks(rule.path);
    const path = notOurs(existing, ours);
    const stats = await statAt(path);
    if (!stats) continue;
    const nearest = { path, kind: kindOf(stats) };
    const kind = path === real ? nearest.kind : "missing";
    return { rule, real, kind, links, nearest };
  }
  throw new WorldChangedError();
}

/** What would be left if nothing had been made. */
function notOurs(path: HostPath, ours: MountPoints): HostPath {
  return ours.has(path) ? notOurs(splitPath(path).parent, ours) : path;
}

function kindOf(stats: BigIntStats): Kind {
  if (stats.isDirectory()) return "directory";
  return stats.isFile() ? "file" : "other";
}
