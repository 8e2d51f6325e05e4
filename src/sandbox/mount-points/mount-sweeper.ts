import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { type HostPath, shownPath } from "../../protocol/path-uri.ts";

/**
 * Waits for the end of its input, which comes when the server ends in whatever way, and removes the
 * mount points still marked as that server's. It first restores its soft limit of file locks, by
 * which processes that must die with the server are recognized. It follows no link, which a
 * confined process may have put there, and leaves what another server needs, by the rules of
 * `MountMarks`: it renames a mark, to its own, before it looks at those of others.
 */
const script = `
trap '' HUP INT QUIT TERM
ulimit -S -w unlimited 2>/dev/null || ulimit -S -x unlimited 2>/dev/null
read -r never
sleep 0.1
self=$$.$(cut -d ' ' -f 22 /proc/$$/stat)
for mark in "$1"/"$2"-* "$1"/*"~$2"; do
  [ -L "$mark" ] || continue
  name=\${mark##*/}
  case "$name" in *"~$2") ;; *"~"*) continue ;; esac
  left=$1/\${name%"~"*}~$self
  mv -- "$mark" "$left" 2>/dev/null || continue
  point=$(readlink "$left") || continue
  for other in "$1"/*; do
    case "\${other##*/}" in "$2"-* | *"~"*) continue ;; esac
    [ "$other" -ef "$point" ] && rm -f -- "$left" && continue 2
  done
  parent=\${point%/*}
  (cd -P -- "\${parent:-/}" && [ "$PWD" = "\${parent:-/}" ] && rmdir -- "./\${point##*/}") 2>/dev/null
  rm -f -- "$left"
done
`;

/**
 * Shells that outlive this server for a moment to remove its mount points, one for each directory
 * that has held marks.
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
    // If it cannot be started or ends, the next use starts another one.
    shell.on("error", () => undefined);
    if (shell.pid === undefined) return;
    this.#shells.set(marks, shell);
    shell.on("exit", () => this.#shells.delete(marks));
  }

  close(): void {
    for (const { stdin } of this.#shells.values()) stdin?.end();
  }
}

/** Not with execa, which breaks when no descriptor is free for a pipe. */
function startShell(argv: string[]): ChildProcess {
  const shell = spawn("/bin/sh", ["-c", script, "sh", ...argv], {
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.unref();
  // Node makes a socket of the pipe, which would keep the program running.
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return shell;
}
