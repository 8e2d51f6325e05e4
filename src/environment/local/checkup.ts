/** Checks by trials on this machine what the server needs, instead of asking what should work. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openFilesWanted, processesWanted, temporaryBytesWanted } from "../../limits.ts";
import { BwrapSearch } from "../../sandbox/bwrap/find-bwrap.ts";
import { examine } from "../../sandbox/bwrap/health.ts";
import { noPlaceFix, placesHindrance, statePlaces } from "../../sandbox/state/state-keeper.ts";
import { loadLibc } from "./libc/libc.ts";
import { createSpawner } from "./spawn/create-spawner.ts";
import { testTerminal } from "./spawn/posix/self-test.ts";
import type { SpawnerCapabilities } from "./spawn/start/spawner.ts";

export interface Check {
  readonly name: string;
  /** `limited`: it works, but not fully. */
  readonly status: "ok" | "limited" | "failed";
  readonly finding: string;
  /** What the operator can do about it. */
  readonly fix?: string;
}

/** What the checks depend on. They read no variables of this process themselves. */
export interface CheckupOptions {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly temporaryDirectory: string;
}

/** Runs all checks. Takes about a tenth of a second, and leaves nothing behind. */
export async function checkup(options: CheckupOptions): Promise<Check[]> {
  const trial = await tryStarts();
  return Promise.all([
    checkNode(),
    checkStarter(trial),
    checkTerminals(trial),
    checkKills(trial),
    checkSandbox(options),
    checkUserNamespaces(),
    checkCgroup(),
    checkTemporarySpace(options.temporaryDirectory),
    checkOpenFiles(),
    checkProcessCount(),
  ]);
}

interface Trial extends SpawnerCapabilities {
  /** Why a shell got no terminal; undefined if it got one. */
  readonly terminalFailure: string | undefined;
  /** What the operator can do so that starts become native. */
  readonly nativeFix: string;
}

async function tryStarts(): Promise<Trial> {
  const spawner = await createSpawner();
  const terminalFailure = await testTerminal(spawner).then(
    () => undefined,
    (error: Error) => error.message,
  );
  await spawner.close();
  return { ...spawner.capabilities, terminalFailure, nativeFix: await nativeFix() };
}

async function nativeFix(): Promise<string> {
  if (!existsSync("/proc/self/stat")) return "mount -t proc proc /proc";
  try {
    await loadLibc();
    return "run on a real Linux kernel: this one does not start processes as Linux does";
  } catch {
    // Missing on this platform, or not installed.
    return "run on Linux x64 or arm64 and let npm install the optional package koffi";
  }
}

function checkNode(): Check {
  // An older version does not get this far.
  return { name: "node", status: "ok", finding: `Node ${process.versions.node}` };
}

function checkStarter({ kind, reasons, nativeFix }: Trial): Check {
  const name = "starting processes";
  if (kind === "posix") return { name, status: "ok", finding: "natively, through libc" };
  const finding = ["through Node's child_process", ...reasons].join("; ");
  return { name, status: "limited", finding, fix: nativeFix };
}

function checkTerminals({ kind, reasons, terminalFailure, nativeFix }: Trial): Check {
  const name = "terminals";
  if (terminalFailure !== undefined) {
    const finding = ["no terminal could be opened", terminalFailure, ...reasons].join("; ");
    const script = kind === "posix" ? "" : ", and install `script` of util-linux";
    return { name, status: "failed", finding, fix: `mount devpts at /dev/pts${script}` };
  }
  const finding = "a shell got a terminal of its own";
  if (kind === "posix") return { name, status: "ok", finding };
  return { name, status: "limited", finding: `${finding}, by \`script\``, fix: nativeFix };
}

function checkKills({ kind, treeKill, parentDeath, nativeFix }: Trial): Check {
  const name = "ending processes";
  const reach = { tag: "every descendant", session: "the session", group: "the process group" };
  const survival = parentDeath ? "" : "; processes outlive a server that is killed";
  const finding = `a kill reaches ${reach[treeKill]}${survival}`;
  if (treeKill === "tag" && parentDeath) return { name, status: "ok", finding };
  return { name, status: "limited", finding, fix: kind === "posix" ? tagFix : nativeFix };
}

const tagFix =
  "start it with an unlimited hard limit of file locks: LimitLOCKS=infinity of systemd";

async function checkSandbox({ variables, temporaryDirectory }: CheckupOptions): Promise<Check> {
  const name = "sandbox";
  const bwrap = await new BwrapSearch(variables.PATH ?? "/usr/bin:/bin").find();
  const health = await examine(bwrap);
  if (!health.abilities) {
    const { reason, fix } = health.explanation;
    return { name, status: "failed", finding: reason, ...(fix === undefined ? {} : { fix }) };
  }
  const hindrance = await placesHindrance(statePlaces(temporaryDirectory));
  if (hindrance) return { name, status: "failed", finding: hindrance, fix: noPlaceFix };
  const { ownNetwork, ownProc } = health.abilities;
  const less = [ownNetwork ? "" : "no network namespace", ownProc ? "" : "no procfs of its own"];
  const finding = [`${bwrap?.path} works`, ...less.filter(Boolean)].join(", ");
  if (ownNetwork && ownProc) return { name, status: "ok", finding };
  const fix =
    "in a container: --security-opt systempaths=unconfined --security-opt seccomp=unconfined";
  return { name, status: "limited", finding, fix };
}

/** Kernel settings that can refuse user namespaces, with the values that refuse and allow. */
const namespaceSettings = [
  { setting: "user.max_user_namespaces", refuses: "0", allows: "10000" },
  { setting: "kernel.unprivileged_userns_clone", refuses: "0", allows: "1" },
  { setting: "kernel.apparmor_restrict_unprivileged_userns", refuses: "1", allows: "0" },
];

async function checkUserNamespaces(): Promise<Check> {
  const name = "user namespaces";
  for (const { setting, refuses, allows } of namespaceSettings) {
    const value = await kernelText(`/proc/sys/${setting.replaceAll(".", "/")}`);
    if (value?.trim() !== refuses) continue;
    const finding = `restricted by ${setting} = ${refuses}`;
    return { name, status: "limited", finding, fix: `sysctl ${setting}=${allows}` };
  }
  return { name, status: "ok", finding: "not restricted by the kernel's settings" };
}

async function checkCgroup(): Promise<Check> {
  const name = "cgroup";
  const memberships = (await kernelText("/proc/self/cgroup")) ?? "";
  const unified = /^0::(.*)$/m.exec(memberships)?.[1];
  if (unified === undefined) {
    return { name, status: "ok", finding: "no version 2 hierarchy; none is needed" };
  }
  const limit = await kernelText(join("/sys/fs/cgroup", unified, "memory.max"));
  const memory = limit === undefined || limit.trim() === "max" ? "no memory limit" : limit.trim();
  return { name, status: "ok", finding: `${unified}, ${memory}; not used for ending processes` };
}

async function checkTemporarySpace(directory: string): Promise<Check> {
  const name = "temporary space";
  const file = join(directory, `.codex-doctor-${randomUUID()}`);
  try {
    await writeFile(file, "x", { flag: "wx", mode: 0o600 });
    await rm(file);
    const { bavail, bsize } = await statfs(directory);
    const finding = `${directory} has ${gibibytes(bavail * bsize)} free`;
    if (bavail * bsize >= temporaryBytesWanted) return { name, status: "ok", finding };
    const fix = `free ${gibibytes(temporaryBytesWanted)}, or set TMPDIR to a larger disk`;
    return { name, status: "limited", finding, fix };
  } catch (error) {
    const finding = `${directory} cannot be written: ${(error as Error).message}`;
    return {
      name,
      status: "failed",
      finding,
      fix: "set TMPDIR to a directory that can be written",
    };
  }
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Node raises its own soft limit as far as it may, so the value found is the one that counts. */
const checkOpenFiles = () =>
  checkLimit({ name: "open files", row: "Max open files", wanted: openFilesWanted, flag: "-n" });

const checkProcessCount = () =>
  checkLimit({ name: "process count", row: "Max processes", wanted: processesWanted, flag: "-u" });

interface WantedLimit {
  readonly name: string;
  readonly row: string;
  readonly wanted: number;
  readonly flag: string;
}

async function checkLimit({ name, row, wanted, flag }: WantedLimit): Promise<Check> {
  const limits = (await kernelText("/proc/self/limits")) ?? "";
  const [, soft] = new RegExp(`^${row}\\s+(\\S+)`, "m").exec(limits) ?? [];
  if (soft === undefined) return { name, status: "ok", finding: "no limit is known here" };
  const finding = soft === "unlimited" ? "no limit" : `at most ${soft}`;
  if (soft === "unlimited" || Number(soft) >= wanted) return { name, status: "ok", finding };
  const fix = `raise it to ${wanted}: ulimit ${flag} ${wanted}, or LimitNOFILE= and LimitNPROC= of systemd`;
  return { name, status: "limited", finding, fix };
}

/** Undefined where the kernel has no such file. */
const kernelText = (path: string) => readFile(path, "utf8").catch(() => undefined);
