import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Ticks of /proc/PID/stat; Linux shows 100 in a second to programs whatever it counts itself. */
const ticksPerSecond = 100;

/** What a server and the helpers it had when asked use, by Linux's /proc; nothing elsewhere. */
export interface Family {
  residentKb(): number;
  /** The most resident at once since `resetPeak`, of each member by itself. */
  peakKb(): number;
  resetPeak(): void;
  cpuMs(): number;
  descriptors(): number;
}

export function familyOf(pid: number): Family {
  const pids = [pid, ...descendantsOf(pid)];
  const sum = (read: (pid: number) => number) => pids.reduce((total, one) => total + read(one), 0);
  return {
    residentKb: () => sum((one) => statusKb(one, "VmRSS")),
    peakKb: () => sum((one) => statusKb(one, "VmHWM")),
    resetPeak: () => pids.forEach(resetPeak),
    cpuMs: () => sum(cpuMs),
    descriptors: () => sum(descriptors),
  };
}

export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of listed("/proc").filter((name) => /^\d+$/.test(name))) {
    const parent = Number(statFields(Number(name))[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below = (parent: number): number[] =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

/** From the third field on: the second, the program's name, may hold spaces. */
function statFields(pid: number): string[] {
  const stat = text(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function cpuMs(pid: number): number {
  const fields = statFields(pid);
  return ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1000) / ticksPerSecond;
}

const statusKb = (pid: number, name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text(`/proc/${pid}/status`))?.[1] ?? 0);

const descriptors = (pid: number) => listed(`/proc/${pid}/fd`).length;

function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Not ours to reset: the peak is then that of its whole life.
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The process is gone, or this is no Linux.
    return "";
  }
}

function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // As above.
    return [];
  }
}
