import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { type HostPath, shownPath } from "../protocol/path-uri.ts";

/**
 * Waits for the end of its input, which comes when the server ends in whatever way, and removes the
 * mount points that are still marked as the server's. Its soft limit of locks is put back first,
 * because that is how processes that must die with the server are known. Nothing is removed by way
 * of a link, which somebody who was confined may have put there, nor what another server needs: of
 * two that end at once the last sees no mark of the other.
 */
const script = `
trap '' HUP INT QUIT TERM
ulimit -S -w unlimited 2>/dev/null || ulimit -S -x unlimited 2>/dev/null
read -r never
sleep 0.1
for mark in "$1"/"$2"-*; do
  [ -L "$mark" ] || continue
  point=$(readlink "$mark")
  rm -f -- "$mark"
  for other in "$1"/*; do
    case "$other" in "$1"/"$2"-*) continue ;; esac
    [ "$other" -ef "$point" ] && continue 2
  done
  parent=\${point%/*}
  (cd -P -- "\${parent:-/}" && [ "$PWD" = "\${parent:-/}" ] && rmdir -- "./\${point##*/}") 2>/dev/null
done
`;

/**
 * Shells that outlive this server by a moment, to clean up where it could not: one for each place
 * in which marks have been.
 */
export class MountSweeper {
  readonly #server: string;
  readonly #shells = new Map<HostPath, ChildProcess>();

  constructor(server: string) {
    this.#server = server;
  }

  start(marks: HostPath): void {
    if (this.#shells.has(marks)) return;
    const shell = startShell([shownPath(marks), this.#server]);
    // Where it cannot be started, or has ended, whoever needs it next starts another one.
    shell.on("error", () => undefined);
    if (shell.pid === undefined) return;
    this.#shells.set(marks, shell);
    shell.on("exit", () => this.#shells.delete(marks));
  }

  close(): void {
    for (const { stdin } of this.#shells.values()) stdin?.end();
  }
}

/** Not by execa, which breaks where there is no descriptor for a pipe. */
function startShell(argv: string[]): ChildProcess {
  const shell = spawn("/bin/sh", ["-c", script, "sh", ...argv], {
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.unref();
  // A pipe to a process is a socket to Node, which would keep the program running.
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return shell;
}
