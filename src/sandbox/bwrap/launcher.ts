import { type HostPath, hostPathOf } from "../../protocol/path-uri.ts";
import { signalNames } from "../../protocol/signals.ts";
import { existingPath } from "../policy/real-path.ts";
import { type Run, tried } from "./health.ts";

/** An `env` that can set what signals do. */
export interface Launcher {
  readonly path: string;
  readonly real: HostPath;
  /** Whether it can set the command's argv[0]. */
  readonly renames: boolean;
}

/**
 * Signals from a client or from a terminal's keys reach bwrap as well, which would die of them and
 * take the command along before its trap ran. So bwrap is started with all signals ignored that can
 * be, except SIGCHLD, without which it could not wait for its child; the command gets the defaults
 * back.
 */
const kept = new Set<string>(["SIGCHLD", "SIGKILL", "SIGSTOP"]);
const signals = signalNames.filter((name) => !kept.has(name)).map((name) => name.slice(3));
export const ignoreSignals = `--ignore-signal=${signals}`;
export const defaultSignals = `--default-signal=${signals}`;

/** The `env` of coreutils can set signals since 8.31 and argv[0] since 9.6; busybox's cannot. */
export async function findLauncher(run: Run): Promise<Launcher | undefined> {
  for (const path of ["/usr/bin/env", "/bin/env"]) {
    const real = await existingPath(hostPathOf(path));
    if (real === undefined) continue;
    const nothing = ["--", "/bin/sh", "-c", ":"];
    const { works } = await tried(run, path, [ignoreSignals, path, defaultSignals, ...nothing]);
    if (!works) continue;
    const renaming = await tried(run, path, ["--argv0=name", ...nothing]);
    return { path, real, renames: renaming.works };
  }
  return undefined;
}
