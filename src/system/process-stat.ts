import { readFileSync } from "node:fs";

export interface ProcessStat {
  /** One letter: Z is a zombie, T is stopped. */
  readonly state: string;
  readonly session: number;
  /** The kernel's bits `PF_*`. */
  readonly flags: number;
  /** Number of threads, including the main thread, which may have ended before the others. */
  readonly threads: number;
  /** Start time in clock ticks since boot. Together with the pid it identifies the process. */
  readonly startTicks: string;
}

/** Reads `/proc/<pid>/stat`; undefined when the process has ended. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  const stat = readProcessFile(pid, "stat");
  if (stat === undefined) return undefined;
  // The program's name, in brackets, may hold anything, also brackets and spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "", , , session, , , flags] = fields;
  const startTicks = fields[19] ?? "";
  return {
    state,
    session: Number(session),
    flags: Number(flags),
    threads: Number(fields[17]),
    startTicks,
  };
}

export function readProcessFile(pid: number, name: "limits" | "stat"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // The process has ended in the meantime.
    return undefined;
  }
}
