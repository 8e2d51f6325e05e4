/**
 * Finds out by trials whether bwrap works on this machine. Where only the network namespace or
 * procfs is refused, the strongest working mode is used: without the namespace the system call
 * filter still refuses every socket, and without procfs no information about other processes
 * becomes visible.
 */
import { execFile } from "node:child_process";
import { release } from "node:os";
import { askedOnce } from "../../async/asked-once.ts";
import { bwrapTrialMs, trialOutputBytesMax } from "../../limits.ts";
import { internalError } from "../../protocol/errors.ts";
import { isTransientShortage } from "../../protocol/shortages.ts";
import type { Bwrap } from "./find-bwrap.ts";
import { type Explanation, explain } from "./health-reasons.ts";
import { seccompMachine } from "./system-calls.ts";

/** The optional features of bwrap that work here. */
export interface Abilities {
  /** Whether bwrap knows `--argv0`. */
  readonly argv0: boolean;
  readonly ownNetwork: boolean;
  readonly ownProc: boolean;
}

export type BwrapHealth =
  | { readonly abilities: Omit<Abilities, "argv0">; readonly argv0: () => Promise<boolean> }
  | { readonly abilities: undefined; readonly explanation: Explanation };

export interface Outcome {
  readonly works: boolean;
  readonly stdout: string;
  /** Its stderr or the error; `timeout` when it did not end within `bwrapTrialMs`. */
  readonly complaint: string;
  /** True when a transient shortage kept it from running, which tells nothing about it. */
  readonly isUnknown?: boolean;
}

/** Runs a program in the root directory, without an environment, and never rejects. */
export type Run = (path: string, argv: readonly string[]) => Promise<Outcome>;

/** The strongest first. */
const modes = [
  { ownNetwork: true, ownProc: true },
  { ownNetwork: false, ownProc: true },
  { ownNetwork: true, ownProc: false },
  { ownNetwork: false, ownProc: false },
] as const;

/**
 * Runs a program whose outcome will be cached for the server's life. So it rejects when a transient
 * shortage kept it from running, and the next call tries again.
 */
export async function tried(run: Run, path: string, argv: readonly string[]): Promise<Outcome> {
  const outcome = await run(path, argv);
  if (!outcome.isUnknown) return outcome;
  throw internalError(`the sandbox cannot be set up: ${path}: ${outcome.complaint}`);
}

/** Tries bwrap: one run where all is well, and up to four more where it is not. */
export async function examine(
  bwrap: Bwrap | undefined,
  run: Run = runByNode,
): Promise<BwrapHealth> {
  if (!bwrap) return unusable({ complaint: "missing" });
  if (!seccompMachine(process.arch)) return unusable({ complaint: "architecture", bwrap });
  const { path } = bwrap;
  const [strongest, ...weaker] = modes;
  const first = await run(path, trial(strongest));
  if (first.works) return { abilities: strongest, argv0: knowsArgv0(path, run) };
  if (isTransient(first)) return unusable({ complaint: first.complaint, bwrap });
  const help = await run(path, ["--help"]);
  if (!help.works) return unusable({ complaint: help.complaint, bwrap });
  const isOld = help.stdout.includes("--ro-bind") && !help.stdout.includes("--as-pid-1");
  if (isOld) return unusable({ complaint: "Unknown option --as-pid-1", bwrap });
  for (const mode of weaker) {
    const outcome = await run(path, trial(mode));
    if (isTransient(outcome)) return unusable({ complaint: outcome.complaint, bwrap });
    if (outcome.works) return { abilities: mode, argv0: knowsArgv0(path, run) };
  }
  return unusable({ complaint: first.complaint, bwrap });
}

/**
 * Whether a trial failed for a transient shortage: otherwise the server would stay in a weaker mode
 * for its life. bwrap's own messages are those of glibc or musl.
 */
function isTransient({ works, isUnknown, complaint }: Outcome): boolean {
  return isUnknown || (!works && transientErrors.test(complaint));
}

const transientErrors =
  /: (?:resource temporarily unavailable|cannot allocate memory|out of memory|too many open files)/i;

/** Found out after the health was answered, or when first needed. */
function knowsArgv0(path: string, run: Run): () => Promise<boolean> {
  const ask = askedOnce(async () => {
    const { stdout } = await tried(run, path, ["--help"]);
    return stdout.includes("--argv0");
  });
  setImmediate(() => ask().catch(ignoreFailure));
  return ask;
}

const ignoreFailure = () => undefined;

function unusable(finding: { complaint: string; bwrap?: Bwrap }): BwrapHealth {
  return { abilities: undefined, explanation: explain({ ...finding, kernel: release() }) };
}

const proc = ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"];

/**
 * Runs a trivial program with the options of a confined file operation. Without
 * `--die-with-parent`: a bwrap that dies between its fork and the signal to its child leaves the
 * child waiting for ever.
 */
function trial({ ownNetwork, ownProc }: (typeof modes)[number]): string[] {
  const namespaces = ["--unshare-user", "--unshare-pid", "--unshare-ipc"];
  if (ownNetwork) namespaces.push("--unshare-net");
  const mounts = ["--ro-bind", "/", "/", "--dev", "/dev", ...(ownProc ? proc : [])];
  const command = ["--", "/bin/sh", "-c", ":"];
  return ["--as-pid-1", ...namespaces, "--cap-drop", "ALL", ...mounts, ...command];
}

/**
 * Runs a program with Node's own means, where no spawner is at hand: a fork of a process as large
 * as a server holds up the event loop for 3 ms. Not with execa, which takes 15 ms to load.
 */
export function runByNode(path: string, argv: readonly string[]): Promise<Outcome> {
  const options = {
    env: {},
    cwd: "/",
    timeout: bwrapTrialMs,
    killSignal: "SIGKILL",
    maxBuffer: trialOutputBytesMax,
  } as const;
  return new Promise((resolve) => {
    try {
      const child = execFile(path, argv, options, (error, stdout, stderr) => {
        const said = stderr.trimEnd() || error?.message || "";
        const complaint = error?.killed ? "timeout" : said;
        resolve({ works: !error, stdout, complaint, ...whetherUnknown(error) });
      });
      child.stdin?.end();
    } catch (error) {
      // Node throws some errors of the system, such as ETXTBSY, at once.
      const complaint = (error as Error).message;
      resolve({ works: false, stdout: "", complaint, ...whetherUnknown(error) });
    }
  });
}

/** The `isUnknown` of an outcome, by the error that kept the program from running. */
export function whetherUnknown(error: unknown): Pick<Outcome, "isUnknown"> {
  return isTransientShortage(error) ? { isUnknown: true } : {};
}
