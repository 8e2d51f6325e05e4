/**
 * What of the system itself a sandbox may need: programs, libraries, and not the secrets among
 * them.
 */
import { readdir, stat } from "node:fs/promises";
import { type HostPath, hostPathOf } from "../protocol/path-uri.ts";
import { isTransientShortage } from "../protocol/shortages.ts";
import { existingPath, type Link, linksOn } from "./real-path.ts";
import type { Match } from "./scan-globs.ts";

export interface Platform {
  /** Real paths that `minimal` makes readable. */
  readonly minimal: readonly HostPath[];
  /** Real paths among them that are for the system's administrator only. */
  readonly secrets: readonly Match[];
  /** Real paths without which this very program does not start. */
  readonly runtime: readonly HostPath[];
  /** Links such as `/bin` by which the former are known. */
  readonly links: readonly Link[];
  /** What of procfs works on the whole machine, namespaces or not. */
  readonly controls: readonly HostPath[];
}

/**
 * The kernel asks of many of these only whether the user is 0, which root still is in a namespace
 * without any capability; `--proc` of bwrap covers some, but not `sys`.
 */
const controlPlaces = ["acpi", "bus", "fs", "irq", "mtrr", "scsi", "sys", "sysrq-trigger"];

const minimalPlaces = [
  "/bin",
  "/etc",
  "/lib",
  "/lib64",
  "/sbin",
  "/usr",
  "/nix/store",
  "/run/current-system/sw",
];
const runtimePlaces = [
  "/lib",
  "/lib64",
  "/usr/lib",
  "/usr/lib64",
  "/usr/local/lib",
  "/nix/store",
  "/etc/ld.so.cache",
];

/**
 * `minimal` is what programs need, and no program of an ordinary user can read these; a server of
 * root could, and would give them to everybody who may read `minimal`.
 */
const secretPlaces = [
  "/etc/shadow",
  "/etc/shadow-",
  "/etc/gshadow",
  "/etc/gshadow-",
  "/etc/sudoers",
  "/etc/sudoers.d",
  "/etc/ssl/private",
  "/etc/polkit-1",
  "/etc/security/opasswd",
];
const hostKey = /^ssh_host_.*_key$/;

/** Looked up once: what belongs to the system does not change while the server runs. */
export async function surveyPlatform(): Promise<Platform> {
  const [minimal, secrets, runtime] = await Promise.all([
    existingPlaces(minimalPlaces),
    hostKeys().then((keys) => existingPlaces([...secretPlaces, ...keys])),
    existingPlaces([...runtimePlaces, process.execPath]),
  ]);
  const links = [...minimal.links, ...runtime.links];
  return {
    minimal: minimal.paths,
    secrets: await Promise.all(secrets.paths.map(asMatch)),
    runtime: runtime.paths,
    links: [...new Map(links.map((link) => [link.at, link])).values()],
    controls: (await existingPlaces(controlPlaces.map((name) => `/proc/${name}`))).paths,
  };
}

/** A place that is a link counts by the place it leads to; the link is kept besides. */
async function existingPlaces(places: readonly string[]) {
  const paths = new Set<HostPath>();
  const links: Link[] = [];
  for (const place of places.map(hostPathOf)) {
    const real = await existingPath(place);
    if (real === undefined) continue;
    paths.add(real);
    if (real !== place) links.push(...(await linksOn(place)));
  }
  return { paths: [...paths], links };
}

async function asMatch(path: HostPath): Promise<Match> {
  return { path, isDirectory: (await stat(path)).isDirectory() };
}

async function hostKeys(): Promise<string[]> {
  // A machine without a server of SSH has no such folder.
  const names = await readdir("/etc/ssh").catch(unlessPassing);
  return names.filter((name) => hostKey.test(name)).map((name) => `/etc/ssh/${name}`);
}

/** What is found out here is remembered: keys that could not be seen would be shown for ever. */
function unlessPassing(error: unknown): string[] {
  if (isTransientShortage(error)) throw error;
  return [];
}
