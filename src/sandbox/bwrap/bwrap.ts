/** The arguments of bwrap for a confinement. Pure. */
import type { HostPath } from "../../protocol/path-uri.ts";
import type { Confinement } from "../policy/confinement.ts";
import type { Mount } from "../policy/mounts.ts";

export interface BwrapPlan {
  readonly confinement: Confinement;
  /** A network namespace of its own, without any interface but loopback. */
  readonly ownNetwork: boolean;
  /** A procfs that shows the sandbox's own processes; false where the kernel refuses one. */
  readonly ownProc: boolean;
  /** Paths of procfs that affect the whole machine: read-only in every sandbox. */
  readonly controls: readonly HostPath[];
  /** Mounted over hidden files and directories: unreadable inside. */
  readonly masks: { readonly file: HostPath; readonly directory: HostPath };
  /** The descriptor from which bwrap reads the program for seccomp. */
  readonly seccompFd?: number | undefined;
  /** The command itself is the first process; else bwrap is, and reaps orphans. */
  readonly commandIsInit: boolean;
  /** The command runs in a session of its own. */
  readonly newSession: boolean;
  readonly cwd: HostPath;
}

/** The options before the mounts, which the list of processes shows. */
export function bwrapFlags(plan: Omit<BwrapPlan, "confinement">): string[] {
  return [
    ...(plan.commandIsInit ? ["--as-pid-1"] : []),
    ...(plan.newSession ? ["--new-session"] : []),
    "--die-with-parent",
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    ...(plan.ownNetwork ? ["--unshare-net"] : []),
    "--cap-drop",
    "ALL",
    ...(plan.seccompFd === undefined ? [] : ["--seccomp", `${plan.seccompFd}`]),
  ];
}

/** Mounts in the order in which bwrap makes them, one char per byte. */
export function bwrapMounts(plan: BwrapPlan): string[] {
  const { base, mounts } = plan.confinement;
  return [
    ...baseOf(plan),
    ...mounts.flatMap((mount) => mountOf(mount, plan)),
    // Otherwise directories that only lead to mounts would accept files, and lose them.
    ...(base === "nothing" ? ["--remount-ro", "/"] : []),
    "--chdir",
    plan.cwd,
  ];
}

/**
 * `--proc` already covers these where a process inside could write them. Covering them again would
 * take 0.1 ms each, because bwrap reads the whole mount table for every mount.
 */
const coveredWithProc = new Set<string>(["/proc/bus", "/proc/irq", "/proc/sysrq-trigger"]);

/**
 * With write access everywhere the host's /dev stays; otherwise there are only the harmless
 * devices.
 */
function baseOf({ confinement: { base }, ownProc, controls }: BwrapPlan): string[] {
  const covered = (paths: readonly string[]) => paths.flatMap((path) => ["--ro-bind", path, path]);
  const withProc = covered(controls.filter((path) => !coveredWithProc.has(path)));
  const own = ["--proc", "/proc", ...withProc];
  const proc = ownProc ? own : base === "writeAll" ? covered(controls) : [];
  if (base === "writeAll") return ["--dev-bind", "/", "/", ...proc];
  const tree = base === "readAll" ? ["--ro-bind", "/", "/"] : ["--tmpfs", "/"];
  return [...tree, "--dev", "/dev", ...proc];
}

function mountOf(mount: Mount, { masks, confinement: { base } }: BwrapPlan): string[] {
  switch (mount.kind) {
    case "read":
      return ["--ro-bind", mount.path, mount.path];
    case "write":
      return ["--bind", mount.path, mount.path];
    case "hold":
      return [base === "writeAll" ? "--dev-bind" : "--bind", mount.path, mount.path];
    case "hideFile":
      return ["--ro-bind", masks.file, mount.path];
    case "hideDirectory":
      return ["--ro-bind", masks.directory, mount.path];
    case "link":
      return ["--symlink", mount.target, mount.path];
  }
}
