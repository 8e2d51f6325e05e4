/**
 * From what a policy says and what is there: what to mount, and what the worker inside is to grant.
 * Pure. Both are in real paths, so that no link decides later what was meant.
 */
import { internalError } from "../protocol/errors.ts";
import { type HostPath, shownPath } from "../protocol/path-uri.ts";
import {
  type Access,
  accessTable,
  type Grants,
  isStronger,
  isWithin,
  type Rule,
} from "./access.ts";
import { type Base, type Mount, orderedMounts } from "./mounts.ts";
import type { Platform } from "./platform.ts";
import { type Policy, readsEverything, writesEverything } from "./policy.ts";
import type { Match } from "./scan-globs.ts";
import type { Findings, Place } from "./world.ts";

export interface Confinement {
  readonly base: Base;
  /** In the order in which they must be made. */
  readonly mounts: readonly Mount[];
  readonly grants: Grants;
}

/** Directories of this server. */
export interface OwnDirectories {
  /** Nobody inside may write them. */
  readonly kept: readonly HostPath[];
  /** In these: nobody may read them. */
  readonly hidden: readonly HostPath[];
}

export interface ConfinementParts extends Partial<OwnDirectories> {
  readonly policy: Policy;
  readonly world: Findings;
  readonly platform: Platform;
  /** Real paths that the confined program itself needs, without being granted to its client. */
  readonly needed?: readonly HostPath[];
  /** Which directories those that are kept were when they were covered. */
  readonly keptBirths?: readonly string[];
}

/** Throws an RpcError for a policy that mounts cannot keep. */
export function confinementOf(parts: ConfinementParts): Confinement {
  const { policy, world, platform, needed = [], kept = [], hidden = [] } = parts;
  const { places } = world;
  const grants = grantsOf(parts);
  const { rules } = grants;
  const base = baseOf(policy);
  const binds = [
    // First, because a denial wins, also over what is granted or protected by the same name.
    ...world.matches.map(hiding),
    ...existingBinds(places, rules),
    ...barriers(places, grants),
    ...hidden.map((path) => ({ kind: "hideDirectory", path }) as const),
    // Of procfs whoever needs it grants nothing that is denied.
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

/** Every sandbox has them, and they hold nothing. */
const harmlessDevices = ["/dev/null", "/dev/zero", "/dev/full"] as HostPath[];

/** Two names of one place count as one, by the same precedence as two entries for one name. */
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
 * A mount covers what a link leads to and not the link: who may replace the link gets around it. So
 * such a policy is refused, as the reference does; and so is one that grants more for writing than
 * it would without the link, because who is confined by it may have put the link there.
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
 * Where a file stands in the way of what must not come into being it has to stay, and so is mounted
 * onto itself.
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

/** On an empty base the links of the host are missing; they are made before anything is mounted. */
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
 * Whether a place that is granted for writing by its own name holds `path`: there whoever is to be
 * confined works, and may have put anything. A grant of everything names no place of work; whoever
 * gives it gives the system's own programs too, and bwrap still keeps what is taken away from it.
 */
export function isInWorkspace(grants: Grants, path: HostPath): boolean {
  return grants.rules.some(
    (rule) => rule.access === "write" && rule.path !== "/" && isWithin(path, rule.path),
  );
}
