import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { localSandbox } from "../../src/sandbox/sandbox.ts";
import type { PoolLimits } from "../../src/sandbox/workers/helper-pool.ts";
import type { LendJournal } from "../../src/sandbox/workers/helper-worker.ts";
import { uri, workspaceWrite } from "./sandboxes.ts";

interface Tools {
  readonly script?: string;
  readonly limits?: Partial<PoolLimits>;
  readonly lendJournal?: LendJournal;
}

/**
 * A sandbox whose bwrap writes down each launch, and then does `script` with the real one in
 * `$REAL`.
 */
export function workshop(
  t: TestContext,
  { script = 'exec $REAL "$@"', limits = {}, ...more }: Tools = {},
) {
  const directory = mkdtempSync("/var/tmp/pool-");
  for (const name of ["bin", "ws", "tmp"]) mkdirSync(join(directory, name));
  const log = join(directory, "log");
  const note = `case "$*" in *fs-helper*) echo launch >> ${log};; *) exec $REAL "$@";; esac`;
  const bwrap = join(directory, "bin/bwrap");
  writeFileSync(bwrap, `#!/bin/sh\nREAL=/usr/bin/bwrap\n${note}\n${script}\n`);
  chmodSync(bwrap, 0o755);
  writeFileSync(log, "");
  const variables = {
    PATH: `${join(directory, "bin")}:${process.env.PATH}`,
    TMPDIR: join(directory, "tmp"),
  };
  const sandbox = localSandbox({ variables, cwd: "/", limits, ...more });
  t.after(async () => {
    await sandbox.close();
    rmSync(directory, { recursive: true });
  });
  const at = (name: string) => join(directory, name);
  return {
    sandbox,
    at,
    policy: workspaceWrite(at("ws")),
    file: (name: string) => uri(at(`ws/${name}`)),
    launches: () => readFileSync(log, "utf8").split("\n").length - 1,
  };
}
