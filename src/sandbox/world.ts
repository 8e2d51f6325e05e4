/**
 * What is really there of what a policy names. Mounts are made for this, and are good only as long
 * as it stays so: the fingerprint tells.
 */
import { type BigIntStats, lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { lstat, readlink, realpath, stat } from "node:fs/promises";
import { type HostPath, joinPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import { diskCall } from "./disk-call.ts";
import { rebased, splitGlob } from "./glob.ts";
import { mountsNow } from "./outer-mounts.ts";
import type { Policy, PolicyRule } from "./policy.ts";
import { remoteMounts } from "./remote-mounts.ts";
import { type Match, scanGlobs } from "./scan-globs.ts";

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

/** A symbolic link on the way to a place. */
export interface Link {
  readonly at: HostPath;
  readonly target: HostPath;
}

export interface World {
  readonly places: readonly Place[];
  /** The deny patterns, below real directories. */
  readonly denyGlobs: readonly string[];
  /** What exists of what they match. */
  readonly matches: readonly Match[];
  readonly fingerprint: string;
}

/** Paths that exist only because this server has made them for a confined process. */
export interface MountPoints {
  has(path: HostPath): boolean;
}

/** Looks at everything. Throws when it cannot be known what a pattern matches. */
export async function surveyWorld(policy: Policy, ours: MountPoints): Promise<World> {
  const [places, found, fingerprint] = await Promise.all([
    Promise.all(policy.rules.map((rule) => survey(rule, ours))),
    matchesOf(policy),
    fingerprintOf(policy, ours),
  ]);
  return { places, ...found, fingerprint: withMatches(fingerprint, found) };
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

type Matches = Pick<World, "denyGlobs" | "matches">;

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

async function survey(rule: PolicyRule, ours: MountPoints): Promise<Place> {
  const { real, existing: path } = await locate(rule.path);
  const stats = await statAt(path);
  const nearest = { path, kind: stats ? kindOf(stats) : "missing" } as const;
  const kind = path === real && !ours.has(real) ? nearest.kind : "missing";
  const links = real === rule.path ? [] : await linksOn(rule.path);
  return { rule, real, kind, links, nearest };
}

function kindOf(stats: BigIntStats): Kind {
  if (stats.isDirectory()) return "directory";
  return stats.isFile() ? "file" : "other";
}

/** The real path of what exists. */
export async function existingPath(path: HostPath): Promise<HostPath | undefined> {
  const real = await existing(
    () => realpathSync.native(nodePath(path), "latin1"),
    () => realpath(nodePath(path), "latin1"),
  );
  return real as HostPath | undefined;
}

/** The real path, or what it would be if the missing end of it were made. */
async function locate(path: HostPath): Promise<{ real: HostPath; existing: HostPath }> {
  const found = await existingPath(path);
  if (found !== undefined) return { real: found, existing: found };
  const { parent, name } = splitPath(path);
  const above = await locate(parent);
  const real = joinPath(above.real, name);
  const unresolved = { real, existing: above.existing };
  if (above.real !== above.existing || (await linkTarget(real)) === undefined) return unresolved;
  // A link that leads to nothing: who makes what it names makes this place.
  const { links, end } = await wayTo(real);
  return links.length < linksMax ? locate(end) : unresolved;
}

/** Followed before it counts as a loop: the kernel's number. */
const linksMax = 40;

/** Every link on the way to a place. */
export async function linksOn(path: HostPath): Promise<Link[]> {
  return (await wayTo(path)).links;
}

/** Goes the way step by step and notes every link; what is missing at its end stays as named. */
async function wayTo(path: HostPath): Promise<{ links: Link[]; end: HostPath }> {
  const links: Link[] = [];
  let done = "/" as HostPath;
  let ahead = path.split("/").filter(Boolean);
  while (ahead.length > 0 && links.length < linksMax) {
    const [name = "", ...rest] = ahead;
    if (name === "." || name === "..") {
      done = name === "." ? done : splitPath(done).parent;
      ahead = rest;
      continue;
    }
    const at = joinPath(done, name);
    const target = await linkTarget(at);
    if (target === undefined) {
      done = at;
      ahead = rest;
      continue;
    }
    links.push({ at, target });
    if (target.startsWith("/")) done = "/" as HostPath;
    ahead = [...target.split("/").filter(Boolean), ...rest];
  }
  return { links, end: done };
}

async function linkTarget(path: HostPath): Promise<HostPath | undefined> {
  const stats = await lstatAt(path);
  if (!stats?.isSymbolicLink()) return undefined;
  const target = await existing(
    () => readlinkSync(nodePath(path), "latin1"),
    () => readlink(nodePath(path), "latin1"),
  );
  return target as HostPath | undefined;
}

/** Undefined for what is not there or cannot be reached, which is the same for a sandbox. */
async function existing<T>(now: () => T, later: () => Promise<T>): Promise<T | undefined> {
  try {
    return await diskCall(now, later);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

const lstatAt = (path: HostPath) =>
  existing(
    () => lstatSync(nodePath(path), { bigint: true }),
    () => lstat(nodePath(path), { bigint: true }),
  );

const statAt = (path: HostPath) =>
  existing(
    () => statSync(nodePath(path), { bigint: true }),
    () => stat(nodePath(path), { bigint: true }),
  );

function isAbsence(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "ELOOP";
}
