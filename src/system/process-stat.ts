import { readFileSync } from "node:fs";

export interface ProcessStat {
  /** One letter: Z is a zombie, T is stopped. */
  readonly state: string;
  readonly group: number;
  readonly session: number;
  /** The group that has the terminal; -1 without a terminal. */
  readonly foregroundGroup: number;
  /** The kernel's bits `PF_*`. */
  readonly flags: number;
  /** With the first, which may have ended alone. */
  readonly threads: number;
  /** When it was started, in ticks since the machine was: with its number, nobody else's. */
  readonly startTicks: string;
}

/** What Linux tells about a process; undefined when it has ended. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  const stat = readProcessFile(pid, "stat");
  if (stat === undefined) return undefined;
  // The name of the program stands in brackets and may hold anything, brackets and spaces too.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "", , group, session, , foregroundGroup, flags] = fields;
  const startTicks = fields[19] ?? "";
  return {
    state,
    group: Number(group),
    session: Number(session),
    foregroundGroup: Number(foregroundGroup),
    flags: Number(flags),
    threads: Number(fields[17]),
    startTicks,
  };
}

export function readProcessFile(pid: number, name: "limits" | "stat"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
