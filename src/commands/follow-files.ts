import { statSync, watchFile } from "node:fs";
import { followedFilesLookMs, followedFilesSettleMs } from "../limits.ts";
import type { Log } from "../server/log.ts";

interface Followed {
  readonly paths: readonly string[];
  /** Reads the files and uses what they say, or throws what is wrong and changes nothing. */
  readonly renew: () => void | Promise<void>;
  readonly log: Log;
}

/**
 * Reads certificates and secrets anew when they change, for they live shorter than a server. It is
 * looked for changes, because nobody tells of those on a network disk or behind swapped links. What
 * can be read only once, such as a pipe, is not followed.
 */
export function followFiles({ paths, renew, log }: Followed): void {
  const named = paths.join(" and ");
  const renewAndTell = async () => {
    try {
      await renew();
      log("info", `read again, for it has changed: ${named}`);
    } catch (error) {
      log("warn", `${(error as Error).message}; what was read before stays in use`);
    }
  };
  const changed = onceSettled(renewAndTell);
  for (const path of paths.filter(isRegular)) {
    watchFile(path, { interval: followedFilesLookMs, persistent: false }, changed);
  }
}

const isRegular = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Two files that belong together are not replaced at the same moment. */
function onceSettled(act: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, followedFilesSettleMs).unref();
  };
}
