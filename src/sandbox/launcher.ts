import { bwrapTrialMs } from "../limits.ts";
import { type HostPath, hostPathOf } from "../protocol/path-uri.ts";
import { existingPath } from "./world.ts";

/** An `env` that can set what signals do. */
export interface Launcher {
  readonly path: string;
  readonly real: HostPath;
}

/** That of coreutils can since 8.31, that of busybox cannot. */
export async function findLauncher(): Promise<Launcher | undefined> {
  const { execa } = await import("execa");
  for (const path of ["/usr/bin/env", "/bin/env"]) {
    const real = await existingPath(hostPathOf(path));
    if (real === undefined) continue;
    const options = ["--ignore-signal=INT,QUIT,TSTP", path, "--default-signal=INT,QUIT,TSTP"];
    const trial = await execa(path, [...options, "--", "/bin/sh", "-c", ":"], {
      env: {},
      extendEnv: false,
      reject: false,
      stdio: "ignore",
      timeout: bwrapTrialMs,
    });
    if (!trial.failed) return { path, real };
  }
  return undefined;
}
