import { type HostPath, shownPath } from "../protocol/path-uri.ts";

/**
 * Waits for the end of its input, which comes when the server ends in whatever way, and removes the
 * mount points that are still marked as the server's. Its soft limit of locks is put back first,
 * because that is how processes that must die with the server are known.
 */
const script = `
trap '' HUP INT QUIT TERM
ulimit -S -w unlimited 2>/dev/null || ulimit -S -x unlimited 2>/dev/null
read -r never
sleep 0.1
for mark in "$1"/"$2"-*; do
  [ -L "$mark" ] || continue
  rmdir -- "$(readlink "$mark")" 2>/dev/null
  rm -f -- "$mark"
done
`;

/**
 * Shells that outlive this server by a moment, to clean up where it could not: one for each place
 * in which marks have been.
 */
export class MountSweeper {
  readonly #server: string;
  readonly #started = new Map<HostPath, Promise<{ end(): void }>>();

  constructor(server: string) {
    this.#server = server;
  }

  async start(marks: HostPath): Promise<void> {
    const started = this.#started.get(marks) ?? startShell([shownPath(marks), this.#server]);
    this.#started.set(marks, started);
    await started;
  }

  close(): void {
    for (const started of this.#started.values()) void started.then((shell) => shell.end());
  }
}

async function startShell(argv: string[]): Promise<{ end(): void }> {
  const { execa } = await import("execa");
  const shell = execa("/bin/sh", ["-c", script, "sh", ...argv], {
    env: { PATH: "/usr/bin:/bin" },
    extendEnv: false,
    cwd: "/",
    detached: true,
    cleanup: false,
    reject: false,
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  shell.unref();
  const { stdin } = shell;
  // A pipe to a process is a socket to Node, which can be told not to keep the program running.
  if ("unref" in stdin && typeof stdin.unref === "function") stdin.unref();
  return { end: () => stdin.end() };
}
