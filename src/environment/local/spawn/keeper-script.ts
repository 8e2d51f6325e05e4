/** What cleans up after a server that was killed, however its processes are started. */
import { randomUUID } from "node:crypto";
import { keeperWorkMs } from "../../../limits.ts";
import type { LastWork } from "./spawner.ts";

/** How processes of one server are known: by a file below `/proc/<pid>` that matches this. */
export interface Mark {
  readonly file: "limits" | "environ";
  /** A basic regular expression. */
  readonly pattern: string;
}

/** The mark of processes whose soft limit of file locks begins with these digits. */
export function tagPrefixMark(prefix: string): Mark {
  return { file: "limits", pattern: `^Max file locks  *${prefix}[0-9]\\{10\\} ` };
}

/** Where limits cannot be set: a variable that tells whose a process is, and its mark. */
export function variableMark(): { mark: Mark; variables: Readonly<Record<string, string>> } {
  const server = randomUUID();
  return {
    mark: { file: "environ", pattern: `CODEX_EXEC_SERVER_MARK=${server}` },
    variables: { CODEX_EXEC_SERVER_MARK: server },
  };
}

/**
 * A small shell that waits for the end of its stdin, whose only writing end is ours: the kernel
 * closes it however this server dies. Then it kills all that bear this server's mark, and lets a
 * program finish what the server was writing if there is a folder that says what. That program may
 * hang where the system refuses it a thread, and the shell ends where it is refused a process:
 * neither must leave the program behind. What it has not finished the next server does.
 */
const script = `
exec >/dev/null 2>&1
trap '' HUP INT TERM QUIT
while read -r line; do :; done
name=$1 mark=$2 work=
trap '[ -z "$work" ] || kill -9 "$work"' EXIT
if [ -d "$3" ]; then
  (trap - EXIT; shift 3; exec "$@") &
  work=$!
fi
rounds=0
while [ $rounds -lt 10 ]; do
  rounds=$((rounds + 1))
  found=no
  for file in $(grep -ls "$mark" /proc/[0-9]*/"$name"); do
    pid=\${file#/proc/}
    kill -9 "\${pid%/*}" && found=yes
  done
  [ $found = no ] && break
done
tenths=0
while [ -n "$work" ] && [ $tenths -lt ${keeperWorkMs / 100} ]; do
  kill -0 "$work" || { work=; break; }
  # Not every sleep knows fractions.
  sleep 0.1 || { sleep 1; tenths=$((tenths + 9)); }
  tenths=$((tenths + 1))
done
`;

export const keeperEnvironment = { PATH: "/usr/bin:/bin" };

export function keeperArguments({
  mark,
  lastWork,
}: {
  readonly mark: Mark;
  readonly lastWork?: LastWork | undefined;
}): [string, ...string[]] {
  const work = lastWork ? [lastWork.folder, ...lastWork.argv] : [];
  return ["/bin/sh", "-c", script, "codex-keeper", mark.file, mark.pattern, ...work];
}
