import { readProcessStat } from "../../system/process-stat.ts";

/** A unique name of a server: its pid and start time, because pids are reused. */
export function serverName(pid: number): string {
  // Without procfs no mark matches a server, and nothing can be confined.
  return `${pid}.${readProcessStat(pid)?.startTicks ?? 0}`;
}

/** Whether the server whose name a mark begins with still runs. */
export function isAlive(mark: string): boolean {
  const [pid = "", startTicks] = mark.split(/[.-]/);
  return readProcessStat(Number(pid))?.startTicks === startTicks;
}
