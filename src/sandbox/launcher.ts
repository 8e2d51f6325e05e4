import { type HostPath, hostPathOf } from "../protocol/path-uri.ts";
import { succeeds } from "./health.ts";
import { existingPath } from "./world.ts";

/** An `env` that can set what signals do. */
export interface Launcher {
  readonly path: string;
  readonly real: HostPath;
}

/** That of coreutils can since 8.31, that of busybox cannot. */
export async function findLauncher(): Promise<Launcher | undefined> {
  for (const path of ["/usr/bin/env", "/bin/env"]) {
    const real = await existingPath(hostPathOf(path));
    if (real === undefined) continue;
    const signals = ["--ignore-signal=INT,QUIT,TSTP", path, "--default-signal=INT,QUIT,TSTP"];
    if (await succeeds(path, [...signals, "--", "/bin/sh", "-c", ":"])) return { path, real };
  }
  return undefined;
}
