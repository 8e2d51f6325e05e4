import { existsSync, statSync, watchFile } from "node:fs";
import { followedFilesLookMs, followedFilesSettleMs } from "../limits.ts";
import type { Log } from "../server/watch/log.ts";

interface Followed {
  readonly paths: readonly string[];
  /** Reads the files and uses what they say, or throws what is wrong and changes nothing. */
  readonly renew: () => void | Promise<void>;
  readonly log: Log;
}

/**
 * Reads certificates and secrets again when they change, because they expire before a server ends.
 * The files are polled, because the kernel does not report changes on a network disk or behind
 * swapped links. If one of them is a pipe, nothing is followed: it can be read only once.
 */
export function followFiles({ paths, renew, log }: Followed): void {
  const named = paths.join(" and ");
  const renewAndTell = async () => {
    try {
      refuseIrregular(paths);
      await renew();
      log("info", `read again, for it has changed: ${named}`);
    } catch (error) {
      log("warn", `${(error as Error).message}; what was read before stays in use`);
    }
  };
  const changed = onceSettled(renewAndTell);
  if (!paths.every(isRegular)) return;
  for (const path of paths) {
    watchFile(path, { interval: followedFilesLookMs, persistent: false }, changed);
  }
}

const isRegular = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

function refuseIrregular(paths: readonly string[]): void {
  const irregular = paths.find((path) => existsSync(path) && !isRegular(path));
  if (irregular !== undefined) throw new Error(`${irregular} is no regular file now`);
}

/** Waits until the changes have settled: certificate and key are replaced one after the other. */
function onceSettled(act: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, followedFilesSettleMs).unref();
  };
}
