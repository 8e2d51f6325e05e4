/**
 * Computes from a policy and its world the mounts, and the grants of the worker inside. Pure. Both
 * have real paths, so that no link can change their meaning later.
 */
import { internalError } from "../../protocol/errors.ts";
import { type HostPath, isWithin, shownPath } from "../../protocol/path-uri.ts";
import { type Access, accessTable, type Grants, isStronger, type Rule } from "./access.ts";
import { type Base, type Mount, orderedMounts } from "./mounts.ts";
import type { Platform } from "./platform.ts";
import { type Policy, readsEverything, writesEverything } from "./policy.ts";
import type { Match } from "./scan-globs.ts";
import type { Findings, Place } from "./world.ts";

export interface Confinement {
  readonly base: Base;
  /** In the order of mounting. */
  readonly mounts: readonly Mount[];
  readonly grants: Grants;
}

/** Directories of this server. */
export interface OwnDirectories {
  /** Read-only inside. */
  readonly kept: readonly HostPath[];
  /** Paths within these that are unreadable inside. */
  readonly hidden: readonly HostPath[];
}

export interface ConfinementParts extends Partial<OwnDirectories> {
  readonly policy: Policy;
  readonly world: Findings;
  readonly platform: Platform;
  /** Real paths that the confined program itself needs, without being granted to its client. */
  readonly needed?: readonly HostPath[];
  /** The identity of the kept directories when they were covered by mounts. */
  readonly keptBirths?: readonly string[];
}

/** Throws an RpcError for a policy that mounts cannot enforce. */
export function confinementOf(parts: ConfinementParts): Confinement {
  const { policy, world, platform, needed = [], kept = [], hidden = [] } = parts;
  const { places } = world;
  const grants = grantsOf(parts);
  const { rules } = grants;
  const base = baseOf(policy);
  const binds = [
    // First, because a denial wins over any grant or protection of the same path.
    ...world.matches.map(hiding),
    ...existingBinds(places, rules),
    ...barriers(places, grants),
    ...hidden.map((path) => ({ kind: "hideDirectory", path }) as const),
    // A denied /proc is still mounted for a worker that needs it, whose grants refuse it all the
    // same.
  ].filter(({ path }) => path !== "/proc" || !needed.includes(path));
  const readable = [...(policy.minimal ? platform.minimal : []), ...needed];
  const secrets = policy.minimal ? secretsOf(rules, platform) : [];
  const mounts = [
    ...binds,
    ...readable.map((path) => ({ kind: "read", path }) as const),
    ...secrets,
  ];
  const links = linksOf(base, places, platform);
  return { base, grants, mounts: [...links, ...orderedMounts(base, mounts, kept)] };
}

/** Throws as `confinementOf` does. */
export function grantsOf({ policy, world, platform }: ConfinementParts): Grants {
  const { places } = world;
  const granted = (by: readonly Place[]) => ({
    rules: realRules(by, policy, platform),
    denyGlobs: world.denyGlobs,
  });
  refuseWritableLinks(places, granted);
  return granted(places);
}

function baseOf(policy: Policy): Base {
  if (writesEverything(policy)) return "writeAll";
  const root = policy.rules.find(({ path }) => path === "/");
  if (root?.access === "write") return "writeAll";
  return root || readsEverything(policy) ? "readAll" : "nothing";
}

/** Devices that every sandbox has, and that hold no data. */
const harmlessDevices = ["/dev/null", "/dev/zero", "/dev/full"] as HostPath[];

/**
 * Merges rules whose paths have the same real path, with the precedence of entries for one path.
 */
function realRules(places: readonly Place[], policy: Policy, platform: Platform): Rule[] {
  const rules = new Map<HostPath, Rule>();
  const add = (path: HostPath, access: Access) => {
    const other = rules.get(path);
    if (!other || isStronger(access, other.access)) rules.set(path, { path, access });
  };
  for (const { real, rule } of places) add(real, rule.access);
  if (policy.confinesFiles) for (const path of harmlessDevices) add(path, "write");
  else add("/" as HostPath, "write");
  if (policy.minimal) {
    for (const { path } of platform.secrets) if (!rules.has(path)) add(path, "deny");
    for (const path of platform.minimal) add(path, "read");
  }
  return [...rules.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Refuses links that a confined process could replace. A mount covers the target of a link but not
 * the link, so replacing the link would evade it; the reference refuses such a policy, too. Also
 * refused is a link that leads to more write access than there is without it, because a confined
 * process may have put it there.
 */
function refuseWritableLinks(
  places: readonly Place[],
  granted: (by: readonly Place[]) => Grants,
): void {
  if (places.every(({ links }) => links.length === 0)) return;
  const table = accessTable(granted(places));
  for (const place of places) {
    const link = place.links.find(({ at }) => table.accessTo(at) === "write");
    if (!link) continue;
    const others = accessTable(granted(places.filter((other) => other !== place)));
    const isGrantedAnyway = others.accessTo(place.real) === "write";
    if (place.rule.access !== "write" || !isGrantedAnyway) throw crossesLink(place.rule, link.at);
  }
}

function crossesLink({ path, access }: Rule, link: HostPath) {
  const what = { deny: "deny-read", read: "read-only", write: "writable" }[access];
  return internalError(
    `cannot enforce sandbox ${what} path ${shownPath(path)} because it crosses writable symlink ` +
      `${shownPath(link)}: name the place itself, or replace the link`,
  );
}

function existingBinds(places: readonly Place[], rules: readonly Rule[]): Mount[] {
  const access = new Map(rules.map((rule) => [rule.path, rule.access]));
  const kinds = new Map(places.map(({ real, kind }) => [real, kind]));
  return [...kinds].flatMap(([path, kind]): Mount[] => {
    if (kind === "missing" || path === "/") return [];
    if (access.get(path) !== "deny") return [{ kind: access.get(path) ?? "read", path }] as Mount[];
    return [{ kind: kind === "directory" ? "hideDirectory" : "hideFile", path }];
  });
}

/**
 * Mounts a file onto itself where it blocks a path that must not be created, so that it cannot be
 * removed.
 */
function barriers(places: readonly Place[], grants: Grants): Mount[] {
  const table = accessTable(grants);
  return places
    .filter(({ kind, rule }) => kind === "missing" && rule.access !== "write")
    .filter(({ nearest: { kind } }) => kind === "file" || kind === "other")
    .filter(({ nearest: { path } }) => table.accessTo(path) === "write")
    .map(({ nearest: { path } }) => ({ kind: "hold", path }));
}

function hiding({ path, isDirectory }: Match): Mount {
  return { kind: isDirectory ? "hideDirectory" : "hideFile", path };
}

function secretsOf(rules: readonly Rule[], { secrets }: Platform): Mount[] {
  const denied = new Set(rules.flatMap(({ path, access }) => (access === "deny" ? [path] : [])));
  return secrets.filter(({ path }) => denied.has(path)).map(hiding);
}

/** The host's links, which an empty base lacks; they are made before all mounts. */
function linksOf(base: Base, places: readonly Place[], platform: Platform): Mount[] {
  if (base !== "nothing") return [];
  const links = [...platform.links, ...places.flatMap((place) => place.links)];
  return [...new Map(links.map((link) => [link.at, link])).values()].map(({ at, target }) => ({
    kind: "link",
    path: at,
    target,
  }));
}

/**
 * Whether `path` is below a writable root: confined processes work there, and may have put anything
 * in it. A grant of the whole file system is no writable root in this sense: it includes the
 * system's own programs, and bwrap still enforces what is excluded.
 */
export function isInWorkspace(grants: Grants, path: HostPath): boolean {
  return grants.rules.some(
    (rule) => rule.access === "write" && rule.path !== "/" && isWithin(path, rule.path),
  );
}
