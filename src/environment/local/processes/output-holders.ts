import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { holderScanIntervalMs, holderScanSliceMax } from "../../../limits.ts";
import type { Result } from "../../../protocol/methods.ts";
import type { OutputLog } from "../output/output-log.ts";

type Holder = NonNullable<Result<"process/read">["heldOpenBy"]>[number];

/**
 * Finds the processes that hold the output of an exited process open. A search looks at all
 * processes of the machine, in slices, so its result is given again for `holderScanIntervalMs`.
 */
export class OutputHolders {
  readonly #log: OutputLog;
  readonly #places: () => readonly string[];
  #last: { readonly at: number; readonly found: Promise<Holder[]> } | undefined;

  /** `places` returns the /proc names of the pipes and terminals that are still open. */
  constructor(log: OutputLog, places: () => readonly string[]) {
    this.#log = log;
    this.#places = places;
  }

  /** The part of an answer about holders: empty unless the process has exited and is not closed. */
  async forAnswer(): Promise<{ readonly heldOpenBy?: Holder[] }> {
    if (this.#log.exitCode === null || this.#log.closed) return {};
    const now = performance.now();
    if (!this.#last || now - this.#last.at > holderScanIntervalMs) {
      this.#last = { at: now, found: this.#search() };
    }
    const heldOpenBy = await this.#last.found;
    return this.#log.closed ? {} : { heldOpenBy };
  }

  async #search(): Promise<Holder[]> {
    const places = new Set(this.#places());
    const holders: Holder[] = [];
    let looked = 0;
    for (const pid of await otherPids()) {
      if (looked >= holderScanSliceMax) {
        looked = 0;
        await setImmediate();
        if (this.#log.closed) break;
      }
      const links = openLinks(pid);
      looked += links.length + 1;
      if (links.some((link) => places.has(link))) holders.push({ pid, program: programOf(pid) });
    }
    return holders;
  }
}

/** Waits for a later turn, in which the end of the output has usually been read. */
async function otherPids(): Promise<number[]> {
  await setImmediate();
  const pids = attempted(() => readdirSync("/proc"), []).map(Number);
  return pids.filter((pid) => Number.isInteger(pid) && pid !== process.pid);
}

function openLinks(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  const fds = attempted(() => readdirSync(directory), []);
  return fds.map((fd) => attempted(() => readlinkSync(`${directory}/${fd}`), ""));
}

const programOf = (pid: number) =>
  attempted(() => readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd(), "");

/** Ignores errors: a process may end at any moment, and those of other users are not readable. */
function attempted<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    // Such a process counts as one that holds nothing.
    return otherwise;
  }
}
