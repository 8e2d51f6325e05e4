import { readProcessStat } from "../system/process-stat.ts";

/** Process ids are used again; together with the time of its start one is unique. */
export function serverName(pid: number): string {
  // Where Linux does not tell it no mark is anybody's, and nothing can be confined.
  return `${pid}.${readProcessStat(pid)?.startTicks ?? 0}`;
}

/** Whether the server whose name a mark begins with still runs. */
export function isAlive(mark: string): boolean {
  const [pid = "", startTicks] = mark.split(/[.-]/);
  return readProcessStat(Number(pid))?.startTicks === startTicks;
}
