/**
 * The sandbox policy: the normal form of a sandbox object, however it was written. Pure: paths are
 * as the client named them, and nothing has been looked up on the disk.
 */
import { Buffer } from "node:buffer";
import { errorCodes, invalidParams, invalidRequest, RpcError } from "../../protocol/errors.ts";
import { type HostPath, hostPath, hostPathOf, isBelow, joinPath } from "../../protocol/path-uri.ts";
import type { Sandbox } from "../../protocol/sandbox.ts";
import { type Access, isStronger } from "./access.ts";
import { isLiteral, literalText } from "./glob.ts";
import { globsIn } from "./glob-syntax.ts";

export interface Surroundings {
  /** The base of relative patterns when the sandbox object has no `cwd`. */
  readonly cwd: HostPath;
  /** What `~/` means. */
  readonly home?: HostPath | undefined;
  /** The directory that `tmpdir` means; without it `tmpdir` grants nothing. */
  readonly temporaryDirectory?: HostPath | undefined;
  /** Files that may not be read, unless the policy lets everything be written. */
  readonly secrets?: readonly HostPath[] | undefined;
}

export interface PolicyRule {
  readonly path: HostPath;
  readonly access: Access;
  /** Asked for by the client, or one of the names that are protected below a writable root. */
  readonly origin: "asked" | "protected";
}

export interface Policy {
  /** False: files are not confined at all. */
  readonly confinesFiles: boolean;
  readonly network: "restricted" | "enabled";
  /** One rule per path, sorted so that parents precede children. */
  readonly rules: readonly PolicyRule[];
  /** Patterns of paths nobody may read, as `globsIn` gives them. */
  readonly denyGlobs: readonly string[];
  readonly globDepth: number | undefined;
  /** The programs and libraries of the system are readable. */
  readonly minimal: boolean;
}

/** Read-only below every writable root, because other programs run what these directories say. */
const protectedNames = [".git", ".agents", ".codex", ".aws"] as const;

type Managed = Extract<Sandbox["permissions"], { type: "managed" }>;
type Restricted = Extract<Managed["file_system"], { type: "restricted" }>;
type Entry = Restricted["entries"][number];

const unconfined: Policy = {
  confinesFiles: false,
  network: "enabled",
  rules: [],
  denyGlobs: [],
  globDepth: undefined,
  minimal: false,
};

/** Throws an RpcError for a sandbox object that this host cannot enforce. */
export function policyOf(sandbox: Sandbox, surroundings: Surroundings): Policy {
  if (sandbox.windowsSandboxLevel === "mxc") throw noNativeMxc();
  const { permissions } = sandbox;
  if (permissions.type === "disabled") return unconfined;
  if (permissions.type === "external") return { ...unconfined, network: permissions.network };
  const { file_system: files, network } = permissions;
  if (files.type === "unrestricted") return { ...unconfined, network };
  const context = contextOf(sandbox, surroundings);
  const globs = new Set(files.entries.flatMap((entry) => globsOf(entry, context)));
  const places = [...globs].filter(isLiteral).map(deniedPlace);
  const asked = merged([...files.entries.flatMap((entry) => rulesOf(entry, context)), ...places]);
  const rules = withSecrets(withProtected(asked), surroundings.secrets);
  return {
    confinesFiles: true,
    network,
    rules: rules.sort((a, b) => (a.path < b.path ? -1 : 1)),
    denyGlobs: [...globs].filter((glob) => !isLiteral(glob)).sort(),
    globDepth: files.glob_scan_max_depth ?? undefined,
    minimal: files.entries.some(isMinimal) && !asked.some(isRoot),
  };
}

/** Whether some entry can only be understood with a `cwd`. */
export function needsCwd({ permissions }: Sandbox): boolean {
  if (permissions.type !== "managed" || permissions.file_system.type !== "restricted") return false;
  return permissions.file_system.entries.some(({ path }) => {
    if (path.type === "glob_pattern") return !/^[/~]/.test(path.pattern);
    return path.type === "special" && isProjectRoots(path.value.kind);
  });
}

export function hasCwd(sandbox: Sandbox): boolean {
  return Boolean(sandbox.policyContext?.cwd ?? sandbox.cwd);
}

/** Whether every file may be read: nothing is denied anywhere. */
export function readsEverything(policy: Policy): boolean {
  if (!policy.confinesFiles) return true;
  const isDenied = policy.rules.some(({ access }) => access === "deny");
  return policy.rules.some(isRoot) && !isDenied && policy.denyGlobs.length === 0;
}

export function writesEverything(policy: Policy): boolean {
  if (!readsEverything(policy)) return false;
  return policy.rules.every(({ access }) => access === "write");
}

/** Whether a process under this policy runs as it would without. */
export function confinesNothing(policy: Policy): boolean {
  return writesEverything(policy) && policy.network === "enabled";
}

interface Context {
  readonly cwd: HostPath;
  readonly home: HostPath | undefined;
  readonly roots: readonly HostPath[];
  readonly temporaryDirectory: HostPath | undefined;
}

function contextOf(sandbox: Sandbox, surroundings: Surroundings): Context {
  const { policyContext } = sandbox;
  const cwd = policyContext?.cwd ?? sandbox.cwd;
  const roots = policyContext?.workspaceRoots ?? sandbox.workspaceRoots ?? [];
  return {
    cwd: cwd ? hostPath(cwd) : surroundings.cwd,
    home: surroundings.home,
    roots: roots.map(hostPath),
    temporaryDirectory: surroundings.temporaryDirectory,
  };
}

function rulesOf(entry: Entry, context: Context): PolicyRule[] {
  const access = entry.access === "none" ? "deny" : entry.access;
  return placesOf(entry, context).map((path) => ({ path, access, origin: "asked" }));
}

function placesOf({ path }: Entry, context: Context): HostPath[] {
  if (path.type === "path") return [hostPath(path.path)];
  if (path.type === "glob_pattern") return [];
  const { kind, subpath } = path.value;
  if (kind === "root") return ["/" as HostPath];
  if (kind === "slash_tmp") return ["/tmp" as HostPath];
  if (kind === "tmpdir") return context.temporaryDirectory ? [context.temporaryDirectory] : [];
  if (isProjectRoots(kind)) return context.roots.map((root) => belowRoot(root, subpath));
  return [];
}

function belowRoot(root: HostPath, subpath: string | null | undefined): HostPath {
  return subpath ? hostPathOf(Buffer.from(joinPath(root, bytesOf(subpath)), "latin1")) : root;
}

/** `current_working_directory` is the old name for the same; the reference accepts both. */
function isProjectRoots(kind: string): boolean {
  return kind === "project_roots" || kind === "current_working_directory";
}

function isMinimal({ path, access }: Entry): boolean {
  return path.type === "special" && path.value.kind === "minimal" && /read|write/.test(access);
}

function isRoot({ path }: PolicyRule): boolean {
  return path === "/";
}

/** Patterns can only deny. A pattern that would grant access is ignored, which is the safe side. */
function globsOf({ path, access }: Entry, { cwd, home }: Context): string[] {
  if (path.type !== "glob_pattern" || !/deny|none/.test(access)) return [];
  const pattern = bytesOf(path.pattern);
  if (!pattern.startsWith("~/")) return globsIn(pattern, cwd);
  if (home) return globsIn(pattern.slice(2), home);
  throw invalidParams(`pattern \`${path.pattern}\` needs a home directory, and there is none`);
}

/** A pattern that can match one path only is a denial of that path. */
function deniedPlace(glob: string): PolicyRule {
  return denialOf(literalText(glob) as HostPath);
}

const denialOf = (path: HostPath): PolicyRule => ({ path, access: "deny", origin: "asked" });

function bytesOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/**
 * Keeps the strongest of several entries for one path, and drops entries below a denied path. A
 * denied `/` is dropped itself: what is granted below it stays.
 */
function merged(rules: readonly PolicyRule[]): PolicyRule[] {
  const strongest = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const other = strongest.get(rule.path);
    if (!other || isStronger(rule.access, other.access)) strongest.set(rule.path, rule);
  }
  if (strongest.get("/")?.access === "deny") strongest.delete("/");
  const denied = [...strongest.values()].filter(({ access }) => access === "deny");
  return [...strongest.values()].filter(
    ({ path }) => !denied.some((denial) => isBelow(path, denial.path)),
  );
}

/** Adds the protected names below writable roots, except those that have an entry of their own. */
function withProtected(rules: PolicyRule[]): PolicyRule[] {
  const roots = rules.filter((rule) => rule.access === "write" && !isRoot(rule));
  const added = roots.filter(({ path }) => !isProtectedName(path)).flatMap(protectedBelow);
  // Reading is the weakest entry, so of one path the client's remains.
  return merged([...rules, ...added]);
}

/** A command that may write everything may also replace the program of the server. */
function withSecrets(rules: PolicyRule[], secrets: readonly HostPath[] = []): PolicyRule[] {
  const writesRoot = rules.some((rule) => isRoot(rule) && rule.access === "write");
  return writesRoot ? rules : merged([...rules, ...secrets.map(denialOf)]);
}

function isProtectedName(path: string): boolean {
  return protectedNames.some((name) => path.endsWith(`/${name}`));
}

function protectedBelow({ path }: PolicyRule): PolicyRule[] {
  return protectedNames.map((name) => ({
    path: joinPath(path, name),
    access: "read",
    origin: "protected",
  }));
}

function noNativeMxc() {
  const reason = "failed to prepare MXC sandbox: native MXC is unavailable on this executor";
  return invalidRequest(`failed to prepare fs sandbox: ${reason}`);
}

export function policyNeedsCwd() {
  return new RpcError(
    errorCodes.invalidParams,
    "file system sandbox context with dynamic permissions requires cwd",
  );
}
