/**
 * The system's own files that a sandbox may need: programs and libraries, without the secrets among
 * them.
 */
import { readdir, stat } from "node:fs/promises";
import { type HostPath, hostPathOf } from "../../protocol/path-uri.ts";
import { isTransientShortage } from "../../protocol/shortages.ts";
import { existingPath, type Link, linksOn } from "./real-path.ts";
import type { Match } from "./scan-globs.ts";

export interface Platform {
  /** Real paths that `minimal` makes readable. */
  readonly minimal: readonly HostPath[];
  /** Real paths among them that only the administrator may read. */
  readonly secrets: readonly Match[];
  /** Real paths without which this program itself does not start. */
  readonly runtime: readonly HostPath[];
  /** Links such as `/bin` that lead to the former. */
  readonly links: readonly Link[];
  /** Paths of procfs that affect the whole machine, whatever the namespace. */
  readonly controls: readonly HostPath[];
}

/**
 * For many of these the kernel only checks for uid 0, which root still has in a namespace without
 * any capability. bwrap's `--proc` covers some, but not `sys`.
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
 * `minimal` is for ordinary programs, which cannot read these files. A server that runs as root
 * could, and would give them to every sandbox with `minimal`.
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

/** Called once: the system's files do not change while the server runs. */
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

/** Replaces links by their targets, and also returns the links. */
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
  // A machine without an SSH server has no such directory.
  const names = await readdir("/etc/ssh").catch(unlessPassing);
  return names.filter((name) => hostKey.test(name)).map((name) => `/etc/ssh/${name}`);
}

/**
 * Rethrows transient shortages: the result is cached, and keys that were missed would stay
 * readable.
 */
function unlessPassing(error: unknown): string[] {
  if (isTransientShortage(error)) throw error;
  return [];
}
