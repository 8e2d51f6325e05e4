/**
 * Whether this machine can confine work, by trying it. Where only the network namespace or procfs
 * is refused, the strongest mode that works is taken: without the namespace the system call filter
 * still refuses every socket, without procfs nothing of other processes becomes visible.
 */
import { execFile } from "node:child_process";
import { release } from "node:os";
import { bwrapTrialMs, trialOutputBytesMax } from "../limits.ts";
import { internalError } from "../protocol/errors.ts";
import { isTransientShortage } from "../protocol/shortages.ts";
import { askedOnce } from "./asked-once.ts";
import type { Bwrap } from "./find-bwrap.ts";
import { type Explanation, explain } from "./health-reasons.ts";
import { seccompMachine } from "./system-calls.ts";

/** What a working bwrap can do here. */
export interface Abilities {
  /** It can give the command another argv[0]. */
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
  /** What it said, or what became of it: `timeout` when it did not end within `bwrapTrialMs`. */
  readonly complaint: string;
  /** It could not be run for want of something that is there at other times. */
  readonly isUnknown?: boolean;
}

/** Runs a program in the root directory, without an environment, and never rejects. */
export type Run = (path: string, argv: readonly string[]) => Promise<Outcome>;

/** From the strongest on. */
const modes = [
  { ownNetwork: true, ownProc: true },
  { ownNetwork: false, ownProc: true },
  { ownNetwork: true, ownProc: false },
  { ownNetwork: false, ownProc: false },
] as const;

/**
 * For what is remembered as long as the server lives. Rejects where nothing was found out: whoever
 * asks next may be luckier.
 */
export async function tried(run: Run, path: string, argv: readonly string[]): Promise<Outcome> {
  const outcome = await run(path, argv);
  if (!outcome.isUnknown) return outcome;
  throw internalError(`the sandbox cannot be set up: ${path}: ${outcome.complaint}`);
}

/** Runs bwrap once where all is well, and up to four times more where it is not. */
export async function examine(
  bwrap: Bwrap | undefined,
  run: Run = runByNode,
): Promise<BwrapHealth> {
  if (!bwrap) return unwell({ complaint: "missing" });
  if (!seccompMachine(process.arch)) return unwell({ complaint: "architecture", bwrap });
  const { path } = bwrap;
  const [strongest, ...weaker] = modes;
  const first = await run(path, trial(strongest));
  if (first.works) return { abilities: strongest, argv0: knowsArgv0(path, run) };
  if (isInWant(first)) return unwell({ complaint: first.complaint, bwrap });
  const help = await run(path, ["--help"]);
  if (!help.works) return unwell({ complaint: help.complaint, bwrap });
  const isOld = help.stdout.includes("--ro-bind") && !help.stdout.includes("--as-pid-1");
  if (isOld) return unwell({ complaint: "Unknown option --as-pid-1", bwrap });
  for (const mode of weaker) {
    const outcome = await run(path, trial(mode));
    if (isInWant(outcome)) return unwell({ complaint: outcome.complaint, bwrap });
    if (outcome.works) return { abilities: mode, argv0: knowsArgv0(path, run) };
  }
  return unwell({ complaint: first.complaint, bwrap });
}

/**
 * Whether it failed of what there may be enough of the next moment: in a weaker mode the server
 * would stay for its life. What bwrap itself is refused it says in the words of glibc or musl.
 */
function isInWant({ works, isUnknown, complaint }: Outcome): boolean {
  return isUnknown || (!works && wants.test(complaint));
}

const wants =
  /: (?:resource temporarily unavailable|cannot allocate memory|out of memory|too many open files)/i;

/** Found out behind the answer to whoever waits for the health, or when somebody asks. */
function knowsArgv0(path: string, run: Run): () => Promise<boolean> {
  const ask = askedOnce(async () => {
    const { stdout } = await tried(run, path, ["--help"]);
    return stdout.includes("--argv0");
  });
  setImmediate(() => ask().catch(toldToWhoeverAsks));
  return ask;
}

const toldToWhoeverAsks = () => undefined;

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

/**
 * For whoever has no quicker means: with the memory of a server, each fork and what comes of it
 * holds up the event loop for 3 ms. Not by execa, which takes 15 ms to load.
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
      // Node throws some of the system's refusals, as that of a program that is being replaced.
      const complaint = (error as Error).message;
      resolve({ works: false, stdout: "", complaint, ...whetherUnknown(error) });
    }
  });
}

/** That of an outcome, by why the program could not be run. */
export function whetherUnknown(error: unknown): Pick<Outcome, "isUnknown"> {
  return isTransientShortage(error) ? { isUnknown: true } : {};
}
