/**
 * Whether this machine can confine work, by trying it. Where only the network namespace or procfs
 * is refused, the strongest mode that works is taken: without the namespace the system call filter
 * still refuses every socket, without procfs nothing of other processes becomes visible.
 */
import { execFile } from "node:child_process";
import { release } from "node:os";
import { bwrapTrialMs } from "../limits.ts";
import type { Bwrap } from "./find-bwrap.ts";
import { type Explanation, explain } from "./health-reasons.ts";
import { seccompMachine } from "./seccomp.ts";

/** What a working bwrap can do here. */
export interface Abilities {
  /** It can give the command another argv[0]. */
  readonly argv0: boolean;
  readonly ownNetwork: boolean;
  readonly ownProc: boolean;
}

export type BwrapHealth =
  | { readonly abilities: Abilities }
  | { readonly abilities: undefined; readonly explanation: Explanation };

interface Outcome {
  readonly works: boolean;
  readonly stdout: string;
  /** What bwrap said, or what became of it. */
  readonly complaint: string;
}

/** From the strongest on. */
const modes = [
  { ownNetwork: true, ownProc: true },
  { ownNetwork: false, ownProc: true },
  { ownNetwork: true, ownProc: false },
  { ownNetwork: false, ownProc: false },
] as const;

/** Runs bwrap twice at a time where all is well, and up to three times more where it is not. */
export async function examine(bwrap: Bwrap | undefined): Promise<BwrapHealth> {
  if (!bwrap) return unwell({ complaint: "missing" });
  if (!seccompMachine(process.arch)) return unwell({ complaint: "architecture", bwrap });
  const [strongest, ...weaker] = modes;
  const [help, first] = await Promise.all([run(bwrap, ["--help"]), run(bwrap, trial(strongest))]);
  if (!help.works) return unwell({ complaint: help.complaint, bwrap });
  const isOld = help.stdout.includes("--ro-bind") && !help.stdout.includes("--as-pid-1");
  if (isOld) return unwell({ complaint: "Unknown option --as-pid-1", bwrap });
  const argv0 = help.stdout.includes("--argv0");
  if (first.works) return { abilities: { ...strongest, argv0 } };
  for (const mode of weaker) {
    const { works } = await run(bwrap, trial(mode));
    if (works) return { abilities: { ...mode, argv0 } };
  }
  return unwell({ complaint: first.complaint, bwrap });
}

function unwell(finding: { complaint: string; bwrap?: Bwrap }): BwrapHealth {
  return { abilities: undefined, explanation: explain({ ...finding, kernel: release() }) };
}

const proc = ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"];

/**
 * What a confined file operation will ask for, around a program that does nothing. It ends by
 * itself: a bwrap that dies with its parent, and does so between its fork and the sign to its
 * child, leaves that waiting for ever.
 */
function trial({ ownNetwork, ownProc }: (typeof modes)[number]): string[] {
  const namespaces = ["--unshare-user", "--unshare-pid", "--unshare-ipc"];
  if (ownNetwork) namespaces.push("--unshare-net");
  const mounts = ["--ro-bind", "/", "/", "--dev", "/dev", ...(ownProc ? proc : [])];
  const command = ["--", "/bin/sh", "-c", ":"];
  return ["--as-pid-1", ...namespaces, "--cap-drop", "ALL", ...mounts, ...command];
}

/** Whether this program can be run so; for other probes. */
export async function succeeds(path: string, argv: string[]): Promise<boolean> {
  return (await run({ path }, argv)).works;
}

/** By Node itself: a start waits for the first trial, and execa alone takes 15 ms to load. */
function run({ path }: Pick<Bwrap, "path">, argv: string[]): Promise<Outcome> {
  const options = {
    env: {},
    cwd: "/",
    timeout: bwrapTrialMs,
    killSignal: "SIGKILL",
    maxBuffer: 100_000,
  } as const;
  return new Promise((resolve) => {
    try {
      const child = execFile(path, argv, options, (error, stdout, stderr) => {
        const said = stderr.trimEnd() || error?.message || "";
        resolve({ works: !error, stdout, complaint: error?.killed ? "timeout" : said });
      });
      child.stdin?.end();
    } catch (error) {
      // Node throws some of the system's refusals, as that of a program that is being replaced.
      resolve({ works: false, stdout: "", complaint: (error as Error).message });
    }
  });
}
