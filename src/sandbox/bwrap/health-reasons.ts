/** Why bwrap does not work on a machine, and the smallest remedy. Pure. */
import { bwrapTrialMs } from "../../limits.ts";
import { internalError, type RpcError } from "../../protocol/errors.ts";
import type { Bwrap } from "./find-bwrap.ts";

export interface Explanation {
  readonly reason: string;
  readonly fix?: string;
}

export interface Finding {
  /** What bwrap printed, or `missing`, `architecture`, `timeout`. */
  readonly complaint: string;
  readonly bwrap?: Bwrap;
  /** The release of the kernel. */
  readonly kernel: string;
}

interface Known {
  readonly matches: (finding: Finding) => boolean;
  readonly reason: string;
  readonly fix: string;
}

const says = (pattern: RegExp) => (finding: Finding) => pattern.test(finding.complaint);

/** The first match is used. `PATH` stands for the path of bwrap. */
const known: readonly Known[] = [
  {
    matches: says(/^missing$/),
    reason: "bwrap (bubblewrap) is not on the PATH of this server, or only in a writable folder",
    fix: "install bubblewrap 0.5 or later, for example: apt install bubblewrap",
  },
  {
    matches: says(/^architecture$/),
    reason: "the system call filter is made for x86-64 and arm64, and this is another machine",
    fix: "run the server on x86-64 or arm64",
  },
  {
    matches: says(/^timeout$/),
    reason: `bwrap at PATH did not end within ${bwrapTrialMs / 1000} s`,
    fix: "find out what it waits for: bwrap --ro-bind / / true",
  },
  {
    matches: ({ kernel }) => /^4\.4\.\d+-\d+-Microsoft$/i.test(kernel),
    reason: "WSL1 has no Linux namespaces, which bwrap needs",
    fix: "turn the distribution into WSL2: wsl --set-version DISTRIBUTION 2",
  },
  {
    matches: says(/namespace failed: (?:Invalid argument|Function not implemented)/i),
    reason: "the kernel has no user namespaces (WSL1, or built without them), which bwrap needs",
    fix: "use WSL2, or a kernel with CONFIG_USER_NS",
  },
  {
    matches: says(/unknown option|unrecognized option/i),
    reason: "bwrap at PATH is too old: it does not know all options that are needed",
    fix: "install bubblewrap 0.5 or later, and put it first on the PATH",
  },
  {
    matches: (finding) =>
      Boolean(finding.bwrap?.isSetuid) || /setuid|old file caps config/i.test(finding.complaint),
    reason: "bwrap at PATH is installed setuid, or with file capabilities, and refuses to work so",
    fix: "take the privilege away where user namespaces are allowed: chmod u-s PATH",
  },
  {
    matches: says(/setting up uid map: permission denied|write to uid_map/i),
    reason: "AppArmor restricts user namespaces to programs with a profile, and bwrap has none",
    fix:
      "install a profile for bwrap that allows userns, or: " +
      "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
  },
  {
    matches: says(/max_\*?_?\w*namespaces|ENOSPC/i),
    reason: "the limit of user namespaces is reached: nested too deeply, or set to 0",
    fix: "raise it: sysctl user.max_user_namespaces=10000",
  },
  {
    matches: says(/no permissions to create (?:a )?new namespace|namespace failed: operation not/i),
    reason:
      "creating user namespaces is not permitted here: switched off, or refused by a container",
    fix:
      "sysctl kernel.unprivileged_userns_clone=1, " +
      "or start the container with --security-opt seccomp=unconfined",
  },
  {
    matches: says(/resource temporarily unavailable/i),
    reason: "the limit of processes is reached, that of the user, the service or the container",
    fix: "end some, or raise it: ulimit -u, TasksMax= of the service, --pids-limit of the container",
  },
  {
    matches: says(/RTM_NEWADDR|RTM_NEWLINK|loopback/i),
    reason: "the container refuses network namespaces to bwrap",
    fix: "give the container CAP_NET_ADMIN, or start it without its seccomp profile",
  },
  {
    matches: says(/can't chdir to /i),
    reason: "the policy does not let the command enter its working directory",
    fix: "let the policy grant it read access there, or start it in another directory",
  },
  {
    matches: says(/mount proc|\/newroot\/proc/i),
    reason: "the container refuses to mount procfs, because parts of its own are masked",
    fix: "start the container with --security-opt systempaths=unconfined",
  },
];

export function explain(finding: Finding): Explanation {
  const path = finding.bwrap?.path ?? "bwrap";
  const match = known.find(({ matches }) => matches(finding));
  if (!match) return { reason: `bwrap at ${path} failed: ${firstLine(finding.complaint)}` };
  const named = (text: string) =>
    text.replace(/\bat PATH\b|(?<=u-s )PATH/g, (at) => at.replace("PATH", path));
  return { reason: withComplaint(named(match.reason), finding), fix: named(match.fix) };
}

/** The error of a confined request. */
export function setUpFailure({ reason, fix }: Explanation, cause?: unknown): RpcError {
  const help = fix ? `. To fix it: ${fix}` : "";
  return internalError(`the sandbox cannot be set up: ${reason}${help}`, cause);
}

/** The same for a bwrap that did not start; undefined for output without a message of its own. */
export function startFailure(finding: Finding): RpcError | undefined {
  const complaint = /^bwrap: .*/m.exec(finding.complaint)?.[0];
  return complaint === undefined ? undefined : setUpFailure(explain({ ...finding, complaint }));
}

/**
 * The same for a failure after the start was answered: bwrap forks once more then and enters the
 * working directory, and prints nothing but this message when it cannot. Undefined for all other
 * output.
 */
export function lateFailure(output: string): string | undefined {
  const [complaint] =
    /^bwrap: Can't (?:fork for pid 1: |chdir to )[^\n]*(?=\s*$)/.exec(output) ?? [];
  return complaint && setUpFailure(explain({ complaint, kernel: "" })).message;
}

/** Adds bwrap's own message, which can be searched for. */
function withComplaint(reason: string, { complaint }: Finding): string {
  const line = firstLine(complaint);
  return line.startsWith("bwrap:") ? `${reason} (${line})` : reason;
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0]?.slice(0, 300) ?? "";
}
