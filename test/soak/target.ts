import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { helperIdleMs, idleLookIntervalMs } from "../../src/limits.ts";
import { commandLine } from "../support/process-table.ts";
import { launchServer } from "../support/server.ts";

/** What must be back where it began; how much more of each is no leak. */
const allowance = { descriptors: 2, processes: 0, "temporary files": 0, "MiB of memory": 40 };
type Resource = keyof typeof allowance;
export type Resources = Readonly<Record<Resource, number>>;

export interface Target {
  readonly url: string;
  /** Where clients make their files. */
  readonly playground: string;
  /** What the server holds when everything has had time to go. */
  settled(): Promise<Resources>;
  compare(before: Resources, after: Resources): { line: string; isFine: boolean }[];
  stop(): Promise<void>;
}

/** Sessions end soon after their connection, so that all is over when the load is. */
const sessionTtlSeconds = 2;
/** A server that has nothing to do any more gives memory back at the second look after that. */
const quietMs = Math.max(2 * sessionTtlSeconds * 1000, 3 * idleLookIntervalMs);
/** Workers of sandboxes end when nobody has asked them for a minute. */
const settleMsMax = helperIdleMs + 2 * quietMs;

export async function startTarget(): Promise<Target> {
  const server = launchServer({ args: ["--session-ttl", `${sessionTtlSeconds}`] });
  const url = await server.firstLine;
  const playground = mkdtempSync(join(tmpdir(), "soak-"));
  const now = () => resourcesOf(server.pid, playground);
  return {
    url,
    playground,
    settled: () => settled(now, () => descendants(server.pid).some(isHelper)),
    compare,
    stop: async () => {
      await server.stop();
      rmSync(playground, { recursive: true });
      process.stderr.write(server.stderr().replace(/^.*"level":"warn".*\n/gm, ""));
    },
  };
}

function resourcesOf(pid: number, playground: string): Resources {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const rssKiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    processes: descendants(pid).length,
    "temporary files": readdirSync(tmpdir()).filter(isOurs).length + filesIn(playground),
    "MiB of memory": Math.round(rssKiB / 1024),
  };
}

/** Names that the server gives to what it makes in the temporary directory. */
const isOurs = (name: string) => name.startsWith("codex");

const filesIn = (directory: string) => readdirSync(directory, { recursive: true }).length;

/** All below the server, and all that bear our mark, whoever their parent is by now. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const parent = parentOf(name);
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const isBelow = (child: number): boolean => {
    const parent = parents.get(child);
    return parent !== undefined && (parent === pid || isBelow(parent));
  };
  return [...parents.keys()].filter((child) => isBelow(child) || isSoakSleep(child));
}

/** What runs under our mark has been left behind, if it is nobody's child any more. */
const isSoakSleep = (pid: number) => commandLine(pid).includes("soak-mark");
const isHelper = (pid: number) => commandLine(pid).includes("fs-helper");

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** Waits until nothing has changed for so long that sessions have ended and memory was returned. */
async function settled(now: () => Resources, hasHelpers: () => boolean): Promise<Resources> {
  const deadline = performance.now() + settleMsMax;
  for (let last = now(), quietSince = performance.now(); performance.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const next = now();
    const isSame = (["descriptors", "processes", "temporary files"] as const).every(
      (name) => last[name] === next[name],
    );
    if (!isSame || hasHelpers()) quietSince = performance.now();
    if (performance.now() - quietSince > quietMs) return next;
    last = next;
  }
  return now();
}

function compare(before: Resources, after: Resources) {
  return (Object.keys(allowance) as Resource[]).map((name) => {
    const isFine = after[name] - before[name] <= allowance[name];
    const numbers = `${before[name]}`.padStart(8) + `${after[name]}`.padStart(8);
    return { line: `${name.padEnd(16)}${numbers}  ${isFine ? "ok" : "LEAKED"}`, isFine };
  });
}
