/** The keeper: a shell that cleans up after a killed server, whichever spawner that used. */
import { randomUUID } from "node:crypto";
import { keeperWorkMs } from "../../../../limits.ts";
import type { LastWork } from "../start/spawner.ts";

/** Identifies the processes of one server: this file below `/proc/<pid>` matches. */
export interface Mark {
  readonly file: "limits" | "environ";
  /** A basic regular expression. */
  readonly pattern: string;
}

/** The mark of processes whose soft limit of file locks begins with these digits. */
export function tagPrefixMark(prefix: string): Mark {
  return { file: "limits", pattern: `^Max file locks  *${prefix}[0-9]\\{10\\} ` };
}

/** Marks processes by a variable, where limits cannot be set. */
export function variableMark(): { mark: Mark; variables: Readonly<Record<string, string>> } {
  const server = randomUUID();
  return {
    mark: { file: "environ", pattern: `CODEX_EXEC_SERVER_MARK=${server}` },
    variables: { CODEX_EXEC_SERVER_MARK: server },
  };
}

/**
 * Waits for the end of stdin, whose only write end is this server's: the kernel closes it however
 * the server dies. Then it kills all processes with the server's mark, and runs the last work if
 * its folder exists. That program may hang when the system refuses it a thread, and the shell ends
 * when it is refused a process: in neither case may the program be left behind. What it has not
 * finished, the next server finishes.
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
